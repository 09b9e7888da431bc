//! What a 4.0.1 node was recorded to answer over HTTP: the exact requests, and their answers but for
//! times and for how an empty body is written.

use crate::support::{Answer, Bench, post};

const RECORDED: &str = include_str!("../transcripts/raw-http.txt");

/// 4.0 refuses batches; the specification of JSON-RPC says how they are answered.
const OTHERWISE: &str = r#"[{"jsonrpc":"2.0","method":"uptime","id":1}]"#;

#[test]
fn the_answers_are_those_of_4_0() {
    let bench = Bench::new();
    let mut compared = 0;
    let recorded = RECORDED.replace("\r\n", "\n");
    for exchange in recorded.split(">>> ").skip(1) {
        let (request, answer) = exchange.split_once("\n<<< ").unwrap();
        let (request_head, request_body) = request.split_once("\n\n").unwrap();
        let (head, body) = answer.split_once("\n\n").unwrap();
        let (request_body, body) = (request_body.trim(), body.trim());
        let request = format!("{}\r\n\r\n{request_body}", request_head.replace('\n', "\r\n"));
        let found = bench.ask(request);
        let recorded: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(found.status, recorded, "{request_body}");
        assert_eq!(found.header("content-type"), Some("application/json"));
        assert_eq!(found.header("connection"), Some("close"));
        if request_body == OTHERWISE {
            assert_eq!(timeless(&found.body), r#"[{"jsonrpc":"2.0","result":"a time","id":1}]"#);
        } else {
            assert_eq!(timeless(&found.body), timeless(body), "{request_body}");
        }
        compared += 1;
    }
    assert_eq!(compared, 10);
}

/// An answer to `uptime` without its times.
fn timeless(body: &str) -> String {
    let Some((before, rest)) = body.split_once(r#"{"Now":""#) else { return body.to_owned() };
    let (times, after) = rest.split_once('}').unwrap();
    assert!(times.contains(r#"","Up since":""#) && times.ends_with(r#" [sec]""#), "{times}");
    format!("{before}\"a time\"{after}")
}

#[test]
fn ids_come_back_with_their_type() {
    let bench = Bench::new();
    for id in ["1", "\"abc\"", "null", "\"22584\"", "-7", "12345678901234567890"] {
        let answer = bench.call(&format!(r#"{{"jsonrpc":"2.0","method":"version","id":{id}}}"#));
        assert!(answer.body.ends_with(&format!(r#"}},"id":{id}}}"#)), "{}", answer.body);
    }
}

/// The exact bytes of opensips-cli 0.4.1.
#[test]
fn opensips_cli_is_answered() {
    let bench = Bench::new();
    let body = r#"{"jsonrpc": "2.0", "id": "23146", "method": "version", "params": {}}"#;
    let Answer { status, body, .. } = bench.ask(format!(
        "POST /mi HTTP/1.1\r\nAccept-Encoding: identity\r\nContent-Length: {}\r\nHost: {}\r\n\
         User-Agent: Python-urllib/3.11\r\nContent-Type: application/json\r\nConnection: close\r\n\
         \r\n{body}",
        body.len(),
        bench.address,
    ));
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"{"jsonrpc":"2.0","result":{"Server":"test (1 "#), "{body}");
    assert!(body.ends_with(r#""},"id":"23146"}"#), "{body}");
}

#[test]
fn a_batch_is_answered_in_its_order() {
    let bench = Bench::new();
    let call = |id: u32| format!(r#"{{"jsonrpc":"2.0","method":"nope","id":{id}}}"#);
    let answer = bench.ask(post(&format!("[{},{}]", call(1), call(2))));
    let error = |id: u32| {
        format!(
            r#"{{"jsonrpc":"2.0","error":{{"code":-32601,"message":"Method not found"}},"id":{id}}}"#
        )
    };
    assert_eq!(answer.body, format!("[{},{}]", error(1), error(2)));
}
