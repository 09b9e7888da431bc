//! What a 4.0 node was recorded to answer to JSON-RPC, asked of a running daemon on every carrier.

use super::bench::Bench;
use super::carrier::{Answer, Carrier, Reply};
use crate::manual::RATELIMIT;
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Lab, NodeRow, PATIENCE, free_address, wait_for};
use serde_json::Value;
use std::net::SocketAddr;

const COMMANDS_HTTP: &str = include_str!("../transcripts/commands-http.txt");
const DATAGRAM: &str =
    include_str!("../../../crates/clusterer-mi/tests/transcripts/jsonrpc-4.0/dgram.txt");
const FIFO: &str =
    include_str!("../../../crates/clusterer-mi/tests/transcripts/jsonrpc-4.0/fifo.txt");
const HTTP: &str = include_str!("../../../crates/clusterer-mi/tests/transcripts/raw-http.txt");

/// What 4.0 answers otherwise, or not at all: the request, our answer, and why.
const OTHERWISE: [(&str, &str, &str); 3] = [
    (
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":1}"#,
        "4.0 dies of a request without a method, but over HTTP",
    ),
    (
        r#"[{"jsonrpc":"2.0","method":"uptime","id":1}]"#,
        r#"[{"jsonrpc":"2.0","result":{"Now":"a time","Up since":"a time","Up time":"a time"},"id":1}]"#,
        "4.0 dies of a batch, or refuses it over HTTP; the specification has it answered",
    ),
    (
        r#"{"jsonrpc":"2.0","method":"uptime","id":1"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#,
        "4.0 leaves a FIFO's client waiting for ever",
    ),
];

struct Exchange {
    request: String,
    answer: String,
}

/// `>>> ` begins a request, `<<< ` its answer, `!!! ` a note.
fn exchanges(text: &str) -> Result<Vec<Exchange>> {
    let text = text.replace("\r\n", "\n");
    let exchanges = text.split(">>> ").skip(1).map(|exchange| {
        let (request, answer) = exchange.split_once("\n<<< ").context("an answer")?;
        let answer = answer.split("\n!!! ").next().unwrap_or_default();
        Ok(Exchange { request: request.to_owned(), answer: answer.trim().to_owned() })
    });
    exchanges.collect()
}

/// The head and the body of a request or an answer over HTTP.
fn parts(message: &str) -> (&str, &str) {
    let (head, body) = message.split_once("\n\n").unwrap_or((message, ""));
    (head, body.trim())
}

/// Without times, which differ by nature.
fn timeless(answer: &str) -> String {
    let mut answer = answer.to_owned();
    for member in ["Now", "Up since", "Up time"] {
        let begin = format!("\"{member}\":\"");
        if let Some((before, rest)) = answer.split_once(&begin)
            && let Some((time, after)) = rest.split_once('"')
        {
            // The recorded ones are masked already.
            assert!(time == "*" || time.bytes().any(|byte| byte.is_ascii_digit()), "{time}");
            answer = format!("{before}{begin}a time\"{after}");
        }
    }
    answer
}

/// What is to be answered to what was recorded.
fn expected(request: &str, recorded: &str) -> String {
    let other = OTHERWISE.iter().find(|(other, ..)| *other == request);
    other.map_or_else(|| timeless(recorded), |(_, answer, _)| (*answer).to_owned())
}

#[test]
fn what_4_0_answers_to_raw_requests_is_answered_here() -> Result<()> {
    let bench = Bench::new("")?;
    let [fifo, udp, unix, http] = bench.all();

    for Exchange { request, answer } in exchanges(HTTP)? {
        let (request, (head, recorded)) = (parts(&request).1, parts(&answer));
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        let answer = match http.ask(request.as_bytes())? {
            Answer::Empty(status) => (status, String::new()),
            Answer::Text(text) => (Some(200), timeless(&text)),
        };
        assert_eq!(answer, (Some(status), expected(request, recorded)), "HTTP: {request}");
    }

    for Exchange { request, answer: recorded } in exchanges(DATAGRAM)? {
        // Over datagrams what is cut off is answered as what is no JSON: in words.
        let expected = match recorded.as_str() {
            "400 Parse_error" => recorded,
            _ => expected(&request, &recorded),
        };
        for carrier in [&udp, &unix] {
            let answer = match carrier.ask_at_most(request.as_bytes())? {
                Answer::Empty(_) => String::new(),
                Answer::Text(text) => timeless(&text),
            };
            assert_eq!(answer, expected, "{carrier:?}: {request}");
        }
    }

    for Exchange { request, answer: recorded } in exchanges(FIFO)? {
        let (_, json) = request[1..].split_once(':').context(":NAME:JSON")?;
        if json.is_empty() || json == "garbage" {
            // That is the text form, which wants its reply elsewhere.
            let reply = Reply::new(&bench.lab.reply_dir())?;
            fifo.pour(format!(":{}:{json}", reply.name).as_bytes())?;
            fifo.serves()?;
            ensure!(recorded.is_empty() && reply.is_untouched()?, "{request}");
            continue;
        }
        let answer = match fifo.ask(json.as_bytes())? {
            Answer::Empty(_) => String::new(),
            Answer::Text(text) => timeless(&text),
        };
        assert_eq!(answer, expected(json, &recorded), "FIFO: {request}");
    }
    Ok(())
}

/// The commands of 4.0 that a 2.2 node does not have, and neither have we.
const NOT_HERE: [&str; 11] = [
    "clusterer:broadcast_mi",
    "clusterer:list_cap",
    "clusterer:list_shtags",
    "clusterer:list_topology",
    "clusterer:remove_node",
    "clusterer:send_mi",
    "clusterer:set_cap_status",
    "clusterer:shtag_set_active",
    "get_statistics",
    "sr_list_reports",
    "sr_list_status",
];

/// In 4.0 a status without a node is that of the node itself. Here it takes a node, as in 2.2.
const NO_NODE: [i64; 5] = [28, 30, 32, 33, 34];

#[test]
fn what_4_0_answers_to_commands_is_answered_here() -> Result<()> {
    let lab = Lab::new()?;
    let [own, b, c] = [free_address()?, free_address()?, free_address()?];
    lab.add(&NodeRow::new(1, 1, own))?;
    // Nobody is there: they are tried for ever.
    for (machine, address, description) in [(2, b, "nodeB"), (3, c, "nodeC")] {
        lab.add(&NodeRow {
            failed_attempts: 100_000,
            description: description.into(),
            ..NodeRow::new(1, machine, address)
        })?;
    }
    let http = free_address()?;
    let more = format!("{RATELIMIT}\n[mi.http]\nlisten = \"{http}\"\n");
    let node = lab.start(1, &lab.config(1, own, &more))?;
    node.wait_state(2, 2)?;
    node.wait_state(3, 2)?;

    let recorded = COMMANDS_HTTP
        .replace("127.0.0.2:5555", &b.to_string())
        .replace("127.0.0.3:5555", &c.to_string());
    let mut left_out = 0;
    for Exchange { request, answer } in exchanges(&recorded)? {
        let (request, recorded) = (parts(&request).1, parts(&answer).1);
        if compare(http, request, recorded).with_context(|| request.to_owned())? == Here::No {
            left_out += 1;
        }
    }
    assert_eq!(left_out, 31, "of 52: what a 2.2 node has, too, is compared");
    Ok(())
}

/// Whether a command is there.
#[derive(PartialEq, Eq)]
enum Here {
    No,
    Yes,
}

fn compare(http: SocketAddr, request: &str, recorded: &str) -> Result<Here> {
    let answer = Carrier::Http(http).ask(request.as_bytes())?.text()?;
    let call: Value = serde_json::from_str(request)?;
    let (method, id) = (call["method"].as_str().context("a method")?, &call["id"]);
    let error = |error: &str| format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#);
    if NOT_HERE.contains(&method) {
        assert_eq!(answer, error(r#"{"code":-32601,"message":"Method not found"}"#));
        return Ok(Here::No);
    }
    match method {
        // A node that is told to be up, or is read anew, is so until it is found not to be.
        "clusterer:list" | "clusterer_list" if call["params"].is_null() => {
            wait_for("it is listed as it was recorded", PATIENCE, || {
                let answer = Carrier::Http(http).ask(request.as_bytes())?.text()?;
                is_listed(recorded, &answer).map(|()| Some(()))
            })?;
        }
        "clusterer:set_status" if NO_NODE.iter().any(|number| id == number) => {
            let data = "Too few or too many parameters";
            let expected =
                format!(r#"{{"code":-32602,"message":"Invalid params","data":"{data}"}}"#);
            assert_eq!(answer, error(&expected));
        }
        "version" => {
            let shape = |answer: &str| -> Result<(Value, bool)> {
                let mut answer: Value = serde_json::from_str(answer)?;
                let server = answer["result"]["Server"].take();
                let server = server.as_str().context("a text")?;
                // NAME (VERSION (ARCH/OS))
                Ok((answer, server.contains(" (") && server.ends_with("))")))
            };
            assert_eq!(shape(&answer)?, shape(recorded)?);
        }
        "which" => {
            let names = |answer: &str| -> Result<Vec<String>> {
                let answer: Value = serde_json::from_str(answer)?;
                let names = answer["result"].as_array().context("a list")?.iter();
                names.map(|name| Ok(name.as_str().context("a name")?.to_owned())).collect()
            };
            let (recorded, answer) = (names(recorded)?, names(&answer)?);
            for both in ["core:uptime", "core:version", "clusterer:list", "ratelimit:list"] {
                assert!(recorded.iter().any(|name| name == both), "{both}");
                assert!(answer.iter().any(|name| name == both), "{both}");
            }
        }
        _ => assert_eq!(answer, recorded),
    }
    Ok(Here::Yes)
}

/// Whether ours has everything that was recorded. Its nodes come in the order of their ids, and say more.
fn is_listed(recorded: &str, answer: &str) -> Result<()> {
    let nodes = |answer: &str| -> Result<Vec<Value>> {
        let answer: Value = serde_json::from_str(answer)?;
        let nodes = answer["result"]["Clusters"][0]["Nodes"].as_array();
        Ok(nodes.context("nodes")?.clone())
    };
    let (mut recorded, answer) = (nodes(recorded)?, nodes(answer)?);
    recorded.reverse();
    ensure!(recorded.len() == answer.len(), "{} nodes", answer.len());
    for (recorded, answer) in recorded.iter().zip(&answer) {
        for (name, value) in recorded.as_object().context("a node")? {
            ensure!(&answer[name] == value, "{name} of {answer}");
        }
    }
    Ok(())
}
