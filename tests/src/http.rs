//! As much of an HTTP client as the tests need: one request a connection.

use anyhow::{Context as _, Result};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its first line and headers, in lower case.
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
    read(&mut BufReader::new(stream)).with_context(|| format!("{method} {path}"))
}

/// Reads as much as the answer says it has: not everybody closes the connection.
fn read(stream: &mut BufReader<TcpStream>) -> Result<Response> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        anyhow::ensure!(stream.read_line(&mut head)? > 0, "the connection ended within the head");
    }
    let head = head.to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length.trim().parse()?, 0);
            stream.read_exact(&mut body)?;
        }
        None if head.contains("\r\ntransfer-encoding: chunked\r\n") => {
            while read_chunk(stream, &mut body)? {}
        }
        None => {
            stream.read_to_end(&mut body)?;
        }
    }
    Ok(Response { status: status.context("a status")?, head, body: String::from_utf8(body)? })
}

/// Reads a chunk to the end of the body, unless it is the last one, which is empty.
fn read_chunk(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<bool> {
    let mut length = String::new();
    stream.read_line(&mut length)?;
    let length = usize::from_str_radix(length.trim_end(), 16).context("the length of a chunk")?;
    let end = body.len();
    body.resize(end + length, 0);
    stream.read_exact(body.split_at_mut(end).1)?;
    stream.read_line(&mut String::new())?;
    Ok(length > 0)
}
