//! Requests that are wrong, clients that do not keep their part: the next request is served.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clusterer_mi::{DatagramAddress, MAX_JSON};

use crate::support::{Bench, Client, KINDS, Kind};
use crate::waiting::{LONG, until};

const ECHO: &str = ":echo:\n1\n";
const ECHOED: &str = "200 OK\nArg:: 1\n\n";

#[test]
fn whatever_is_wrong_with_a_request_the_next_one_is_served() {
    let invalid = |id| {
        format!(
            r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"Invalid Request"}},"id":{id}}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for kind in KINDS {
        let bench = Bench::new(kind);
        let client = bench.client();
        for (request, expected) in [
            (r#"{"jsonrpc":"2.0","id":1}"#.as_bytes(), invalid("1")),
            (br#"{"jsonrpc":"3.0","method":"note","id":1}"#, invalid("1")),
            (br#"{"jsonrpc":"2.0","method":"note","params":"s","id":"a"}"#, invalid("\"a\"")),
            (b"[]", invalid("null")),
            (b"{}", invalid("null")),
            (deep.as_bytes(), format!("[{}]", invalid("null"))),
            (br#"{"jsonrpc":"2.0","method":"no"#, "400 Parse_error".into()),
            (b"{\"a\":[1}", "400 Parse_error".into()),
            (b"{\xff}", "400 Parse_error".into()),
            (b"\xff\x00", "400 Parse_error".into()),
            (b":\xff:\n", "400 parse error in command\n".into()),
            (b":note:\n\"1", "400 parse error in command\n".into()),
            (b":note:\n1\n\n:note:\n2\n", "400 parse error in command\n".into()),
        ] {
            assert_eq!(client.ask(request), expected, "{kind:?} {}", request.escape_ascii());
            assert_eq!(client.ask(ECHO), ECHOED);
            assert_eq!(bench.refused(), 1, "{kind:?} {}", request.escape_ascii());
        }
        assert_eq!(bench.ran(), [""; 0]);
    }
}

#[test]
fn a_request_longer_than_the_limit_is_refused() {
    let request = |length: usize| {
        let empty = r#"{"jsonrpc":"2.0","method":"echo","params":[""],"id":1}"#;
        empty.replace("\"\"", &format!("\"{}\"", "x".repeat(length - empty.len())))
    };
    let bench = Bench::new(Kind::Unix);
    assert!(bench.ask(&request(MAX_JSON)).starts_with(r#"{"jsonrpc":"2.0","result":{"Arg":"xxx"#));
    let too_long = format!(
        r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"Invalid Request","data":"longer than {MAX_JSON} bytes"}},"id":null}}"#
    );
    for length in [MAX_JSON + 1, MAX_JSON * 2] {
        assert_eq!(bench.ask(&request(length)), too_long, "{length}");
    }
    let text = format!(":note:\n1\n{}", "\n".repeat(MAX_JSON));
    assert_eq!(bench.ask(&text), "400 parse error in command\n");
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn a_reply_too_large_for_a_datagram_becomes_an_error() {
    for (kind, fits, too_large) in [(Kind::Udp, 65_000, 66_000), (Kind::Unix, 100_000, 10 << 20)] {
        let bench = Bench::new(kind);
        let client = bench.client();
        assert_eq!(client.ask(format!(":big:\n{fits}\n")).len(), fits + "200 OK\n\n\n".len());
        assert_eq!(
            client.ask(format!(":big:\n{too_large}\n")),
            format!("500 reply of {} bytes does not fit a datagram\n", too_large + 9)
        );
        let reply = client
            .ask(format!(r#"{{"jsonrpc":"2.0","method":"big","params":[{too_large}],"id":"x"}}"#));
        let begin = r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Reply too large","data":""#;
        assert!(reply.starts_with(begin) && reply.ends_with(r#""},"id":"x"}"#), "{reply}");
        assert_eq!(client.ask(ECHO), ECHOED);
    }
}

#[test]
fn replies_are_not_answered() {
    for kind in KINDS {
        let bench = Bench::new(kind);
        let client = bench.client();
        for reply in ["400 Parse_error", ECHOED, r#"{"jsonrpc":"2.0","result":"OK","id":1}"#] {
            client.send(reply);
            assert!(client.has_no_reply(), "{kind:?} {reply}");
        }
    }
}

#[test]
fn clients_that_never_read_do_not_keep_others_from_their_replies() {
    // Two large replies are as much as one socket may have on the way.
    let bench = Bench::with(Kind::Unix, |config| config.reply_timeout = LONG);
    let deaf: Vec<Client> = (0..4).map(|_| bench.client()).collect();
    for _ in 0..4 {
        for client in &deaf {
            client.send(":big:\n100000\n");
        }
    }
    assert_eq!(bench.ask(ECHO), ECHOED);
}

#[test]
fn a_reply_that_nobody_takes_is_dropped_in_time() {
    // One place only: when the next request is served, the reply was given up.
    let bench = Bench::with(Kind::Unix, |config| {
        config.max_requests = 1;
        config.reply_timeout = Duration::from_millis(50);
    });
    let queue = fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").unwrap();
    let deaf = bench.client();
    let begin = Instant::now();
    for _ in 0..queue.trim().parse::<usize>().unwrap() + 4 {
        deaf.send(":echo:");
    }
    assert_eq!(bench.ask(ECHO), ECHOED);
    assert!(begin.elapsed() >= Duration::from_millis(3 * 50));
}

#[test]
fn clients_that_are_gone_harm_nobody() {
    for kind in KINDS {
        let bench = Bench::new(kind);
        for _ in 0..20 {
            bench.client().send(":slow:\n1\n");
            bench.client().send(ECHO);
        }
        assert_eq!(bench.ask(ECHO), ECHOED, "{kind:?}");
    }
}

#[test]
fn many_clients_at_once_get_their_own_replies() {
    for kind in KINDS {
        let bench = Arc::new(Bench::with(kind, |config| config.max_requests = 3));
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let bench = Arc::clone(&bench);
                thread::spawn(move || {
                    let socket = bench.client();
                    for round in 0..50 {
                        let value = format!("{client}-{round}-{}", "x".repeat(client * 400));
                        let expected = format!("200 OK\nArg:: {value}\n\n");
                        assert_eq!(socket.ask(format!(":echo:\n{value}\n")), expected);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    }
}

#[test]
fn a_command_that_hangs_is_overtaken_and_given_up() {
    for kind in KINDS {
        let bench = Bench::with(kind, |config| config.command_timeout = Duration::from_secs(2));
        let hanging = bench.client();
        hanging.send(":hang:\n");
        assert_eq!(bench.ask(ECHO), ECHOED);
        assert_eq!(hanging.receive_within(Duration::from_millis(1)), None);
        assert_eq!(hanging.receive(), "500 command failed\n");
    }
}

#[test]
fn a_flood_of_garbage_passes() {
    for kind in KINDS {
        let bench = Bench::new(kind);
        let DatagramAddress::Unix(path) = bench.address() else {
            let flood = bench.client();
            for _ in 0..2000 {
                flood.send("garbage");
            }
            until("it has passed", || {
                let client = bench.client();
                client.send(ECHO);
                client.receive_within(Duration::from_millis(200)).is_some_and(|it| it == ECHOED)
            });
            continue;
        };
        let flood = UnixDatagram::unbound().unwrap();
        for _ in 0..2000 {
            flood.send_to(b"garbage", path).unwrap();
        }
        assert_eq!(bench.ask(ECHO), ECHOED);
    }
}
