//! As much of an HTTP client as the tests need: one request a connection.

use anyhow::{Context as _, Result};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its first line and headers.
    pub head: String,
    /// Its body.
    pub body: String,
}

/// Sends a request, with further header lines if need be, and a JSON body if it is not empty; returns its
/// answer.
///
/// # Errors
/// There is none, in time, or it is no HTTP.
pub fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Result<Response> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    let length = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    let own = (!body.is_empty()).then_some(&*length);
    for header in headers.iter().copied().chain(own) {
        text.push_str(header);
        text.push_str("\r\n");
    }
    stream.write_all(format!("{text}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("{method} {path}"))?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Ok(Response {
        status: status.context("a status")?,
        head: head.to_owned(),
        body: if chunked { join_chunks(body)? } else { body.to_owned() },
    })
}

fn join_chunks(mut body: &str) -> Result<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").context("the length of a chunk")?;
        let length = usize::from_str_radix(length, 16)?;
        if length == 0 {
            return Ok(whole);
        }
        whole.push_str(rest.get(..length).context("a whole chunk")?);
        body = rest.get(length..).and_then(|rest| rest.strip_prefix("\r\n")).context("its end")?;
    }
}
