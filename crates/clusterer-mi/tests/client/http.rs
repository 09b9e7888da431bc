//! HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use clusterer_mi::{ClientError, Token};

use crate::{CALL, DONE, LONG, REFUSED, assert_bounded, client, params, refusal, unreachable};

/// A server that takes one connection, and a client's request in full.
fn server(
    reply: impl FnOnce(TcpStream) + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.ends_with(CALL.as_bytes()) {
            let length = stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "{}", String::from_utf8_lossy(&request));
            request.extend(&buffer[..length]);
        }
        reply(stream);
        String::from_utf8(request).unwrap()
    });
    (address, server)
}

/// Answers with a status line, a body and its length.
fn answers(status: &'static str, body: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
    server(move |mut stream| {
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    })
}

fn call(address: SocketAddr) -> Result<clusterer_mi::MiData, clusterer_mi::CallError> {
    client(&format!("http://{address}")).call("m", &params())
}

#[test]
fn results_and_refusals() {
    let (address, server) = answers("200 OK", DONE);
    assert_eq!(call(address).unwrap().to_string(), r#"{"a":[1,"x"]}"#);
    let request = server.join().unwrap();
    let head = format!("POST /mi HTTP/1.0\r\nHost: {address}\r\n");
    assert!(request.starts_with(&head), "{request}");
    assert!(request.contains("\r\nContent-Type: application/json\r\n"), "{request}");
    assert!(!request.contains("Authorization"), "{request}");
    let (address, _server) = answers("200 OK", REFUSED);
    assert_eq!(refusal(call(address)), (404, "404 Node id not found: why".into()));
    let (address, _server) = answers("401 Unauthorized", "A token is needed.\n");
    assert_eq!(refusal(call(address)), (401, "401 Unauthorized: A token is needed.".into()));
}

#[test]
fn the_token_goes_into_its_header_and_nowhere_else() {
    let secret = "correct-horse-battery-staple";
    let with_token = |address: SocketAddr| {
        client(&format!("http://{address}")).token(Token::new(secret).unwrap())
    };
    let (address, server) = answers("200 OK", DONE);
    with_token(address).call("m", &params()).unwrap();
    let header = format!("\r\nAuthorization: Bearer {secret}\r\n");
    assert!(server.join().unwrap().contains(&header));
    let (address, _server) = answers("403 Forbidden", "");
    let error = with_token(address).call("m", &params()).unwrap_err();
    assert!(!format!("{error} {error:?} {:?}", with_token(address)).contains(secret));
}

#[test]
fn a_redirect_is_not_followed() {
    let (address, _server) = answers("302 Found", "");
    let error = unreachable(call(address));
    assert!(error.to_string().contains("302 Found"), "{error}");
}

#[test]
fn what_is_no_mi() {
    for (status, body, why) in [
        ("200 OK", "<html>", "\"<html>\""),
        ("404 Not Found", "", "404 Not Found"),
        ("200 OK", r#"{"jsonrpc":"2.0","result":1,"id":7}"#, "id"),
    ] {
        let (address, _server) = answers(status, body);
        let error = unreachable(call(address));
        assert!(matches!(error, ClientError::NotMi { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let (address, _server) = server(|mut stream| stream.write_all(b"SSH-2.0-x\r\n").unwrap());
    let error = unreachable(call(address));
    assert!(error.to_string().contains("something else than HTTP"), "{error}");
}

#[test]
fn nobody_there() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = unreachable(call(free));
    assert!(matches!(error, ClientError::NotListening { .. }), "{error}");
    let error = unreachable(client("http://a..b:1").call("m", &params()));
    assert!(matches!(error, ClientError::Carrier { .. }), "{error}");
}

#[test]
fn a_server_that_is_slow() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}", silent.local_addr().unwrap());
    assert_bounded(|patience| client(&target).timeout(patience).call("m", &params()));
    // A byte now and then does not keep a call alive.
    let (address, drip) = server(|mut stream| {
        let sent = b"HTTP/1.1 200 OK\r\nx: ".iter().chain(std::iter::repeat(&b'y'));
        for byte in sent {
            thread::park_timeout(Duration::from_millis(5));
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
    });
    let target = format!("http://{address}");
    assert_bounded(|patience| client(&target).timeout(patience).call("m", &params()));
    drip.join().unwrap();
}

#[test]
fn there_is_no_text_over_http() {
    let error = client("http://127.0.0.1:1").call_text("uptime", &[]).unwrap_err();
    assert!(matches!(error, clusterer_mi::CallError::Usage(_)), "{error}");
}
