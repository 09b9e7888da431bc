//! JSON-RPC over the FIFO, beside the text form.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clusterer_mi::{MAX_JSON, MiNode, MiReply, Spec, command, jsonrpc};

use crate::support::{Bench, Reply, make_fifo};
use crate::waiting::LONG;

const OK: &str = r#"{"jsonrpc":"2.0","result":"OK","id":1}"#;

fn call(method: &str, value: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":["{value}"],"id":1}}"#)
}

fn arg(value: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","result":{{"Arg":"{value}"}},"id":1}}"#)
}

/// What a 4.0 node was seen to answer, and what we do where it died or said nothing.
#[test]
fn the_transcript_of_4_0() {
    let times =
        [MiNode::new("Now", "*"), MiNode::new("Up since", "*"), MiNode::new("Up time", "*")];
    let uptime = command(Spec::new("uptime", &[], ""), move |_| {
        let reply = MiReply::ok().with_nodes(times.clone());
        async { reply }
    });
    let bench = Bench::with(|config| config.reader_wait = LONG, &[uptime]);
    let transcript = include_str!("../transcripts/jsonrpc-4.0/fifo.txt");
    let cases = transcript.split(">>> ").skip(1);
    let mut seen = 0;
    for case in cases {
        let (request, reply) = case.split_once("\n<<< ").unwrap();
        let (reply, _) = reply.split_once('\n').unwrap();
        let expected = match request {
            // Requests of the text form, for the commands `REPLYFIFO`: the first is not there and goes
            // unanswered, the second has no such reply FIFO and is cut off besides.
            ":REPLYFIFO:" | ":REPLYFIFO:garbage" => {
                let reply = bench.reply();
                bench.write(&request.replace("REPLYFIFO", &reply.name));
                bench.call_until_served();
                assert!(reply.is_silent());
                seen += 1;
                continue;
            }
            // It died.
            r#":REPLYFIFO:{"jsonrpc":"2.0","id":1}"# => {
                r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":1}"#
                    .to_owned()
            }
            r#":REPLYFIFO:[{"jsonrpc":"2.0","method":"uptime","id":1}]"# => {
                let result = r#"{"Now":"*","Up since":"*","Up time":"*"}"#;
                format!(r#"[{{"jsonrpc":"2.0","result":{result},"id":1}}]"#)
            }
            // It said nothing.
            r#":REPLYFIFO:{"jsonrpc":"2.0","method":"uptime","id":1"# => {
                jsonrpc::PARSE_ERROR.to_owned()
            }
            _ => reply.to_owned(),
        };
        assert_eq!(bench.exchange(request), expected, "{request}");
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn both_forms_in_a_row_run_in_their_order() {
    let bench = Bench::new();
    let replies: Vec<Reply> = (0..4).map(|_| bench.reply()).collect();
    let [a, b, c, d] = [0, 1, 2, 3].map(|index| replies[index].name.as_str());
    let many_lines =
        "{\n\"jsonrpc\"\n:\"2.0\",\n\"method\" :\n\"note\"\n,\"params\":[\"3\"],\"id\":1\n}";
    bench.write(&format!(
        ":{a}:{}:note:{b}\n2\n\n:{c}: {many_lines}\n\n:note:{d}\n4\n\n",
        call("slow", "").replace(r#"[""]"#, "[]"),
    ));
    assert_eq!(replies[0].read(), OK);
    assert_eq!(replies[1].read(), "200 OK\n\n");
    assert_eq!(replies[2].read(), OK);
    assert_eq!(replies[3].read(), "200 OK\n\n");
    assert_eq!(bench.ran(), ["slow", "note 2", "note 3", "note 4"]);
}

#[test]
fn a_notification_runs_and_its_reader_sees_the_end() {
    let bench = Bench::new();
    let notice = call("note", "1").replace(",\"id\":1", "");
    assert_eq!(bench.exchange(&format!(":REPLYFIFO:{notice}")), "");
    assert_eq!(bench.ran(), ["note 1"]);
    // Without a name there is nobody to answer, request or not.
    bench.write(&format!("::{notice}\n::{}", call("note", "2")));
    bench.call_until_served();
    assert_eq!(bench.ran(), ["note 1", "note 1", "note 2"]);
}

#[test]
fn whatever_is_wrong_with_a_request_the_next_one_is_served() {
    let invalid = |id| {
        format!(
            r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"Invalid Request"}},"id":{id}}}"#
        )
    };
    let too_long = format!(
        r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"Invalid Request","data":"longer than {MAX_JSON} bytes"}},"id":null}}"#
    );
    let parse_error = jsonrpc::PARSE_ERROR.to_owned();
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(30_000), close.repeat(30_000));
    let huge = call("note", &"x".repeat(10 << 20));
    let bench = Bench::new();
    // Stays open: no end of file helps.
    let mut writer = bench.writer();
    for (request, expected) in [
        (r#"{"jsonrpc":"2.0","id":1}"#, invalid("1")),
        (r#"{"jsonrpc":"3.0","method":"note","id":1}"#, invalid("1")),
        (r#"{"jsonrpc":"2.0","method":"note","params":"str","id":"a"}"#, invalid("\"a\"")),
        ("[]", invalid("null")),
        ("{}", invalid("null")),
        ("[1]", format!("[{}]", invalid("null"))),
        (&deep("[", "]"), format!("[{}]", invalid("null"))),
        (&deep("{\"a\":[", "]}"), too_long.clone()),
        (&huge, too_long),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"note\",\"id\":1", parse_error.clone()),
        ("{\"a\":[1}", parse_error.clone()),
        ("{note}", parse_error.clone()),
        ("{\"a\":\"\n\"}", parse_error.clone()),
        ("[\u{0}]", parse_error),
    ] {
        let (bad, next) = (bench.reply(), bench.reply());
        let both = format!(":{}:{request}\n:{}:{}\n", bad.name, next.name, call("echo", "1"));
        writer.write_all(both.as_bytes()).unwrap();
        let shown = &request[..request.len().min(100)];
        assert_eq!(bad.read(), expected, "{shown}");
        assert_eq!(next.read(), arg("1"), "{shown}");
    }
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn a_request_cut_in_half_is_answered_when_its_writer_leaves() {
    let bench = Bench::with(|config| config.request_timeout = LONG * 100, &[]);
    for half in [r#"{"#, r#"{"jsonrpc":"2.0","method":"note"#] {
        assert_eq!(bench.exchange(&format!(":REPLYFIFO:{half}")), jsonrpc::PARSE_ERROR);
        assert_eq!(bench.exchange(&format!(":REPLYFIFO:{}", call("echo", "1"))), arg("1"));
    }
    assert_eq!(bench.ran(), [""; 0]);
}

#[test]
fn a_request_cut_in_half_is_answered_in_time_when_its_writer_stays() {
    let bench = Bench::with(|config| config.request_timeout = Duration::from_millis(30), &[]);
    let reply = bench.reply();
    let mut writer = bench.writer();
    write!(writer, ":{}:{{\"jsonrpc\":\"2.0", reply.name).unwrap();
    assert_eq!(reply.read(), jsonrpc::PARSE_ERROR);
    let next = bench.reply();
    write!(writer, ":{}:{}", next.name, call("echo", "1")).unwrap();
    assert_eq!(next.read(), arg("1"));
}

#[test]
fn a_request_may_come_in_pieces() {
    let bench = Bench::new();
    let reply = bench.reply();
    let mut writer = bench.writer();
    for byte in format!(":{}:{}", reply.name, call("echo", "a}\\\"]b")).bytes() {
        writer.write_all(&[byte]).unwrap();
        thread::yield_now();
    }
    assert_eq!(reply.read(), arg("a}\\\"]b"));
}

#[test]
fn reply_fifos_are_as_suspicious_as_in_the_text_form() {
    // One place only: when a request is served, those before it were given up.
    let bench = Bench::with(
        |config| {
            config.max_requests = 1;
            config.reader_wait = Duration::from_millis(50);
        },
        &[],
    );
    let dotted = Reply::make(bench.dir.path(), "a.b");
    let linked = Reply::make(bench.dir.path(), "linked");
    fs::hard_link(bench.dir.path().join("linked"), bench.dir.path().join("second")).unwrap();
    make_fifo(&bench.dir.path().join("lonely"));
    for name in ["a.b", "linked", "../x", "/dev/null", "missing", "lonely"] {
        bench.write(&format!(":{name}:{}", call("note", name)));
        // Also what is wrong has nowhere to go.
        bench.write(&format!(":{name}:{{"));
    }
    assert_eq!(bench.exchange(&format!("\n:REPLYFIFO:{}", call("echo", "1"))), arg("1"));
    assert_eq!(bench.ran(), [""; 0]);
    assert!(dotted.is_silent() && linked.is_silent());
}

#[test]
fn commands_that_break_or_hang_have_failed() {
    let bench = Bench::with(|config| config.command_timeout = Duration::from_millis(100), &[]);
    let failed = r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Command failed"},"id":1}"#;
    for method in ["break", "hang"] {
        let request = call(method, "").replace(r#"[""]"#, "[]");
        assert_eq!(bench.exchange(&format!(":REPLYFIFO:{request}")), failed, "{method}");
    }
}

#[test]
fn many_clients_at_once_get_their_own_replies() {
    let bench = Arc::new(Bench::with(|config| config.max_requests = 3, &[]));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let bench = Arc::clone(&bench);
            thread::spawn(move || {
                for round in 0..25 {
                    let value = format!("{client}-{round}-{}", "x".repeat(client * 400));
                    let request = format!(":REPLYFIFO:{}", call("echo", &value));
                    assert_eq!(bench.exchange(&request), arg(&value));
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}
