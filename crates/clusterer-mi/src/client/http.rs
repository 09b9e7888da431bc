//! One POST over HTTP/1.0: a connection a request, no chunks, no redirects, no proxies.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::deadline::{Deadline, WaitError};
use super::target::Host;
use super::{ClientError, MAX_REPLY, Target, resolve};
use crate::Token;

/// The longest status line and headers, in bytes, and the most headers.
const MAX_HEAD: usize = 16 << 10;
const MAX_HEADERS: usize = 64;

/// What is sent.
pub(super) struct Post<'a> {
    pub(super) host: &'a Host,
    pub(super) path: &'a str,
    pub(super) token: Option<&'a Token>,
    pub(super) body: &'a str,
}

/// What comes back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) body: String,
}

impl Post<'_> {
    pub(super) fn send(
        &self,
        target: &Target,
        deadline: &Deadline,
    ) -> Result<Response, ClientError> {
        let carrier = |error: WaitError| {
            error.into_client(|source| {
                let target = target.clone();
                match source.kind() {
                    io::ErrorKind::ConnectionRefused => ClientError::NotListening { target },
                    io::ErrorKind::InvalidData => {
                        ClientError::NotMi { target, why: source.to_string() }
                    }
                    _ => ClientError::Carrier { target, source },
                }
            })
        };
        resolve::addresses(self.host, deadline)
            .and_then(|addresses| connect(&addresses, deadline))
            .and_then(|stream| self.exchange(&mut Limited { stream, deadline }))
            .map_err(carrier)
    }

    fn exchange(&self, stream: &mut Limited<'_>) -> Result<Response, WaitError> {
        stream.write_all(self.request().as_bytes())?;
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let length = stream.read(&mut buffer)?;
            bytes.extend(buffer.iter().take(length));
            if let Some(response) = parse(&bytes, length == 0)? {
                return Ok(response);
            }
        }
    }

    /// The content type keeps a browser's form from looking like this.
    fn request(&self) -> String {
        let Self { host, path, token, body } = self;
        let token = token
            .map(|it| format!("Authorization: Bearer {}\r\n", it.expose()))
            .unwrap_or_default();
        format!(
            "POST {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: clusterer-mi/{}\r\n{token}\
             Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n\
             {body}",
            env!("CARGO_PKG_VERSION"),
            body.len()
        )
    }
}

/// The response, once it is whole: as long as it says, or up to the end of the stream.
fn parse(bytes: &[u8], at_end: bool) -> io::Result<Option<Response>> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let start = match head.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) if at_end => {
            return Err(invalid("a connection that ends before the response does"));
        }
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(invalid("headers without end"));
        }
        Err(_) => return Err(invalid("something else than HTTP")),
    };
    let header = |name: &str| {
        head.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name)).map(|it| it.value)
    };
    if header("transfer-encoding").is_some() {
        return Err(invalid("a transfer coding, which HTTP/1.0 does not have"));
    }
    let length = match header("content-length") {
        Some(value) => {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
            Some(length.ok_or_else(|| invalid("a length that is no number"))?)
        }
        None => None,
    };
    let body = bytes.get(start..).unwrap_or_default();
    if length.unwrap_or(body.len()) > MAX_REPLY {
        return Err(invalid("more than a client takes"));
    }
    let body = match length {
        Some(length) => match body.get(..length) {
            Some(body) => body,
            None if at_end => return Err(invalid("less than it promised")),
            None => return Ok(None),
        },
        None if at_end => body,
        None => return Ok(None),
    };
    Ok(Some(Response {
        status: head.code.unwrap_or_default(),
        reason: head.reason.unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(body).into_owned(),
    }))
}

/// One address after the other, until somebody takes the connection.
fn connect(addresses: &[SocketAddr], deadline: &Deadline) -> Result<TcpStream, WaitError> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect_timeout(address, deadline.left()?) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => deadline.left().map(drop)?,
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

/// A stream on which everything together ends at the deadline.
struct Limited<'a> {
    stream: TcpStream,
    deadline: &'a Deadline,
}

impl Limited<'_> {
    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), WaitError> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.deadline.left()?))?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                // A server may answer and close before it has read everything: its answer is there.
                Err(error) if is_closed(&error) => return Ok(()),
                Err(error) => self.interrupted(error)?,
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, WaitError> {
        loop {
            self.stream.set_read_timeout(Some(self.deadline.left()?))?;
            match self.stream.read(buffer) {
                Ok(length) => return Ok(length),
                Err(error) => self.interrupted(error)?,
            }
        }
    }

    /// Nothing, if it is worth another try.
    fn interrupted(&self, error: io::Error) -> Result<(), WaitError> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            // The kernel's time of the socket: the deadline, but for rounding.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(self.deadline.timed_out()),
            _ => Err(error.into()),
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<Response>, String> {
        let mut results = Vec::new();
        // However the bytes come, nothing is decided before all are there.
        for end in 0..=text.len() {
            match parse(&text.as_bytes()[..end], false) {
                Ok(None) => {}
                other => results.push(other),
            }
        }
        results.pop().unwrap_or_else(|| parse(text.as_bytes(), true)).map_err(|it| it.to_string())
    }

    #[test]
    fn a_response_is_as_long_as_it_says() {
        let response = |status, reason: &str, body: &str| {
            Ok(Some(Response { status, reason: reason.into(), body: body.into() }))
        };
        assert_eq!(
            whole("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
            response(200, "OK", "{}")
        );
        assert_eq!(
            whole("HTTP/1.0 401 Unauthorized\r\nContent-Length:0\r\n\r\n"),
            response(401, "Unauthorized", "")
        );
        assert_eq!(whole("HTTP/1.0 200\r\n\r\n{}"), response(200, "", "{}"), "up to the end");
    }

    #[test]
    fn what_is_no_response() {
        let endless = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MAX_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        for (text, why) in [
            ("", "ends before"),
            ("HTTP/1.1 200 OK\r\n", "ends before"),
            ("SSH-2.0-OpenSSH\r\n", "something else"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", "less than it promised"),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", "no number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "more than"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "transfer coding"),
            (&endless, "without end"),
            (&many, "without end"),
        ] {
            let error = whole(text).unwrap_err();
            assert!(error.contains(why), "{text:.40}: {error}");
        }
    }
}
