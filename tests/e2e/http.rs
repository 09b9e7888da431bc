//! Management over HTTP, from outside.

use crate::manual::RATELIMIT;
use anyhow::{Context as _, Result};
use clusterer_tests::{Lab, PATIENCE, free_address, wait_for};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The status and the body of the answer to a request with these lines.
fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("an HTTP response")?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    Ok((status, body.to_owned()))
}

fn call(address: SocketAddr, headers: &str, json: &str) -> Result<(u16, String)> {
    ask(address, "POST /mi", &format!("Content-Type: application/json\r\n{headers}"), json)
}

#[test]
fn commands_run_and_probes_answer() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let http = free_address()?;
    let more = format!("{RATELIMIT}\n[mi.http]\nlisten = \"{http}\"\n");
    let a = lab.start(1, &lab.config(1, at[0], &more))?;
    let list = r#"{"jsonrpc":"2.0","method":"clusterer_list","id":"x"}"#;
    let (status, body) = call(http, "", list)?;
    assert_eq!(status, 200);
    assert!(body.contains("node 2") && body.ends_with(r#""id":"x"}"#), "{body}");

    let down = r#"{"jsonrpc":"2.0","method":"clusterer:set_status","id":1,
                   "params":{"cluster_id":1,"machine_id":2,"status":0,"protocol":"bin"}}"#;
    let (_, refused) = call(http, "Origin: http://evil.example\r\n", down)?;
    assert!(refused.contains("another site"), "{refused}");
    assert_ne!(a.state_of(2)?, 0);
    let (_, body) = call(http, "", down)?;
    assert!(body.contains(r#""result":"#), "{body}");
    a.wait_state(2, 0)?;

    assert_eq!(ask(http, "GET /healthz", "", "")?, (200, "ok\n".into()));
    assert_eq!(ask(http, "GET /readyz", "", "")?, (200, "ready\n".into()));
    Ok(())
}

#[test]
fn the_token_is_that_of_the_file() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let http = free_address()?;
    let token = lab.path().join("token");
    fs::write(&token, "correct-horse-battery\n")?;
    let more = format!("\n[mi.http]\nlisten = \"{http}\"\ntoken_file = \"{}\"\n", token.display());
    let _a = lab.start(1, &lab.config(1, at[0], &more))?;
    let version = r#"{"jsonrpc":"2.0","method":"version","id":1}"#;
    assert_eq!(call(http, "", version)?.0, 401);
    let (status, body) = call(http, "Authorization: Bearer correct-horse-battery\r\n", version)?;
    assert!(status == 200 && body.contains("clustererd"), "{status} {body}");
    Ok(())
}

#[test]
fn a_client_that_stays_does_not_keep_the_daemon() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let http = free_address()?;
    let mut a =
        lab.start(1, &lab.config(1, at[0], &format!("\n[mi.http]\nlisten = \"{http}\"\n")))?;
    let _idle = TcpStream::connect(http)?;
    let mut begun = TcpStream::connect(http)?;
    begun.write_all(b"POST /mi HTTP/1.1\r\n")?;
    assert!(a.terminate()?.success());
    wait_for("the port is free", PATIENCE, || Ok(TcpStream::connect(http).is_err().then_some(())))
}
