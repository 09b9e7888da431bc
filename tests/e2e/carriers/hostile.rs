//! What nobody sends who means well: each is answered with an error, and the next request is served.

use super::bench::Bench;
use super::carrier::{Answer, Carrier};
use anyhow::{Context as _, Result};

const INVALID: &str = r#""code":-32600"#;
const NO_JSON: &str = r#""code":-32700"#;

/// What datagrams have for what is no JSON.
const NO_JSON_DATAGRAM: &str = "400 Parse_error";

/// The requests that 4.0 dies of, and the like; and what their error says.
fn requests() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    let deep =
        format!(r#"{{"jsonrpc":"2.0","method":"version","id":1,"params":{}}}"#, nested(10_000));
    vec![
        ("no method", text(r#"{"jsonrpc":"2.0","id":1}"#), INVALID),
        ("an empty object", text("{}"), INVALID),
        ("a wrong version", text(r#"{"jsonrpc":"1.0","method":"version","id":1}"#), INVALID),
        ("no version", text(r#"{"method":"version","id":1}"#), INVALID),
        ("a method that is a number", text(r#"{"jsonrpc":"2.0","method":1,"id":1}"#), INVALID),
        (
            "params that are a text",
            text(r#"{"jsonrpc":"2.0","method":"version","params":"x","id":1}"#),
            INVALID,
        ),
        (
            "params that are null",
            text(r#"{"jsonrpc":"2.0","method":"version","params":null,"id":1}"#),
            INVALID,
        ),
        (
            "an id that is an object",
            text(r#"{"jsonrpc":"2.0","method":"version","id":{}}"#),
            INVALID,
        ),
        ("an array of nothing", text("[]"), INVALID),
        ("an array of null", text("[null]"), INVALID),
        ("an array of arrays", text("[[],[[]]]"), INVALID),
        ("a hundred calls at once", text(&format!("[{}]", ["{}"; 100].join(","))), INVALID),
        ("truncated JSON", text(r#"{"jsonrpc":"2.0","method":"version","id":1"#), NO_JSON),
        ("a truncated text", text(r#"{"jsonrpc":"2.0","method":"vers"#), NO_JSON),
        ("wrong brackets", text(r#"{"jsonrpc":"2.0"]}"#), NO_JSON),
        ("no UTF-8", b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\xfe\",\"id\":1}".to_vec(), NO_JSON),
        ("a zero byte", b"{\0}".to_vec(), NO_JSON),
        ("deep nesting", text(&nested(10_000)), "error"),
        ("deep nesting in params", text(&deep), "error"),
    ]
}

#[test]
fn each_is_an_error_and_the_next_request_is_served() -> Result<()> {
    let bench = Bench::new("")?;
    for carrier in bench.all() {
        for (what, request, error) in requests() {
            let context = || format!("{what}, {carrier:?}");
            let answer = carrier.ask(&request).and_then(Answer::text).with_context(context)?;
            let is_datagram = matches!(carrier, Carrier::Udp(_) | Carrier::Unix { .. });
            let is_no_json = is_datagram && answer == NO_JSON_DATAGRAM;
            assert!(
                answer.contains(error) || (is_no_json && error != INVALID),
                "{what}, {carrier:?}: {answer}"
            );
            carrier.serves().with_context(context)?;
        }
    }
    assert!(bench.one.log().lines().count() < 200, "what is wrong fills no log");
    Ok(())
}

/// As long as a request of this carrier can be, or 10 MB.
#[test]
fn ten_megabytes_are_an_error_and_the_next_request_is_served() -> Result<()> {
    let bench = Bench::new("")?;
    for carrier in bench.all() {
        let length = match carrier {
            Carrier::Fifo { .. } | Carrier::Http(_) => 10_000_000,
            // No longer datagram leaves a host.
            Carrier::Udp(_) => 65_507,
            Carrier::Unix { .. } => 100_000,
        };
        let long = |begin: &str, end: &str| {
            [begin, &"x".repeat(length - begin.len() - end.len()), end].concat()
        };
        for request in [
            long(r#"{"jsonrpc":"2.0","method":""#, r#"","id":1}"#),
            long(r#"{"jsonrpc":"2.0","method":"version","params":["#, r#"],"id":1}"#),
            long("[", ""),
        ] {
            // The server may have closed before it has heard all.
            match carrier.ask(request.as_bytes()) {
                Ok(Answer::Text(answer)) => {
                    let refused = answer.contains("error") || answer == NO_JSON_DATAGRAM;
                    // Before HTTP reads a body it is HTTP that says so.
                    let refused = refused || answer == "A request has 1048576 bytes at most.\n";
                    assert!(refused, "{carrier:?}: {}", &answer[..answer.len().min(200)]);
                    assert!(answer.len() < 1000, "what was wrong is not repeated");
                }
                other => {
                    let over = matches!(carrier, Carrier::Http(_));
                    assert!(over, "{carrier:?}: {other:?}");
                }
            }
            carrier.serves()?;
        }
    }
    Ok(())
}
