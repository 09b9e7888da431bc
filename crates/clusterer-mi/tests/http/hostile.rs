//! Whatever comes in: an answer or a close, and the next request is served.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Bench, VERSION, get, post, post_with, read_answer};

#[test]
fn bytes_of_any_kind_do_no_harm() {
    let bench = Bench::new();
    let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
    let line = prop_oneof![
        any::<Vec<u8>>(),
        "(GET|POST|PUT|PRI|\\*)? ?[/*a-z:%]{0,10} ?(HTTP/[0-3]\\.[0-2])?".prop_map(Vec::from),
        "(Host|Content-Length|Transfer-Encoding|Expect|Connection|Upgrade|Origin): ?\
         (localhost|-?[0-9]{0,20}|chunked|100-continue|keep-alive|h2c|null)"
            .prop_map(Vec::from),
    ];
    let strategy = (prop::collection::vec(line, 0..8), any::<Vec<u8>>());
    runner
        .run(&strategy, |(lines, rest)| {
            let mut bytes = lines.join(b"\r\n".as_slice());
            bytes.extend_from_slice(b"\r\n\r\n");
            bytes.extend_from_slice(&rest);
            bench.throw(&bytes);
            Ok(())
        })
        .unwrap();
    bench.assert_serves();
}

#[test]
fn a_request_may_end_anywhere() {
    let bench = Bench::new();
    let request = post(VERSION);
    for end in 0..request.len() {
        let answer = bench.throw(&request.as_bytes()[..end]);
        let text = String::from_utf8(answer).unwrap();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400 "), "{end}: {text}");
    }
    bench.assert_serves();
}

#[test]
fn json_of_any_kind_gets_json() {
    let bench = Bench::new();
    for json in [
        "[]",
        "[[]]",
        "[1,2]",
        "{}",
        "null",
        "1",
        "\"a\"",
        r#"{"jsonrpc":"2.0","method":1,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"version","params":"str","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"version","params":[[[]]],"id":1}"#,
        r#"{"id":1,"id":2,"jsonrpc":"2.0","method":"version"}"#,
        "\u{feff}{}",
        "{\"jsonrpc\":\"2.0\"",
        "\0",
    ] {
        let answer = bench.call(json);
        assert_eq!(answer.status, 200, "{json}");
        assert!(answer.body.contains(r#""jsonrpc":"2.0""#), "{json}: {}", answer.body);
    }
    bench.assert_serves();
}

#[test]
fn deep_nesting_is_an_error() {
    let bench = Bench::new();
    for open in ["[", "{\"a\":", "{\"jsonrpc\":\"2.0\",\"method\":\"version\",\"params\":["] {
        let answer = bench.call(&open.repeat(15_000));
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(r#""error""#), "{}", answer.body);
    }
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(bench.call(&nested).body.contains(r#""error""#));
    bench.assert_serves();
}

#[test]
fn a_body_has_its_limit_from_both_sides() {
    let bench = Bench::configured(|config| config.max_body = 100_000);
    let padded = |length: usize| format!("{VERSION}{}", " ".repeat(length - VERSION.len()));
    assert_eq!(bench.call(&padded(100_000)).status, 200);
    assert_eq!(bench.call(&padded(100_001)).status, 413);
    // The same without a length that says it beforehand.
    let chunked = |length: usize| {
        format!(
            "POST /mi HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{}\r\n0\r\n\r\n",
            padded(length)
        )
    };
    assert_eq!(bench.ask(chunked(100_000)).status, 200);
    assert_eq!(bench.ask(chunked(100_001)).status, 413);
}

#[test]
fn ten_megabytes_are_refused_and_the_refusal_is_read() {
    let bench = Bench::new();
    for _ in 0..5 {
        // A client that writes everything before it reads.
        let answer = bench.call(&"x".repeat(10 << 20));
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    }
    bench.assert_serves();
}

#[test]
fn who_asks_before_sending_is_told_before_sending() {
    let bench = Bench::new();
    let mut stream = bench.connect();
    let head = |length: usize| {
        format!(
            "POST /mi HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    stream.write_all(head(VERSION.len()).as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(interim.as_slice(), b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(VERSION.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 200);
    assert_eq!(bench.ask(head(10 << 20)).status, 413);
}

#[test]
fn heads_have_their_limits_from_both_sides() {
    let bench = Bench::new();
    let with = |headers: &str| {
        bench.ask(post_with("{}", &format!("Content-Type: application/json\r\n{headers}")))
    };
    let long = |length: usize| format!("X: {}\r\n", "x".repeat(length));
    assert_eq!(with(&long(15_000)).status, 200);
    assert_eq!(with(&long(17_000)).status, 431);
    assert_eq!(with(&long(10 << 20)).status, 431);
    // Host, Content-Type and Content-Length are three of a hundred.
    assert_eq!(with(&"X: y\r\n".repeat(97)).status, 200);
    assert_eq!(with(&"X: y\r\n".repeat(98)).status, 431);
    assert_eq!(bench.ask(get(&format!("/{}", "x".repeat(15_000)))).status, 404);
    assert!([414, 431].contains(&bench.ask(get(&format!("/{}", "x".repeat(100_000)))).status));
    bench.assert_serves();
}

#[test]
fn two_lengths_are_no_request() {
    let bench = Bench::new();
    let json = "Content-Type: application/json\r\n";
    for headers in [format!("{json}Content-Length: 1\r\n"), format!("{json}Content-Length: -1\r\n")]
    {
        assert_eq!(bench.ask(post_with(VERSION, &headers)).status, 400, "{headers}");
    }
    bench.assert_serves();
}

#[test]
fn long_bodies_that_do_not_end_hold_up_no_short_one() {
    let bench = Bench::configured(|config| config.body_timeout = Duration::from_secs(60));
    let long = post(&" ".repeat(1 << 20));
    let held: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = bench.connect();
            stream.write_all(&long.as_bytes()[..100_000]).unwrap();
            stream
        })
        .collect();
    for _ in 0..5 {
        bench.assert_serves();
    }
    drop(held);
    // All places are free again.
    for _ in 0..20 {
        assert_eq!(bench.call(&format!("{VERSION}{}", " ".repeat(200_000))).status, 200);
    }
}
