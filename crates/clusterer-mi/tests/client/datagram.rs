//! Unix and UDP sockets.

use std::fs;
use std::io;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::Duration;

use clusterer_mi::ClientError;

use crate::{
    CALL, DONE, LONG, REFUSED, assert_bounded, client, params, refusal, unreachable, usage,
};

/// A UDP server that gives one datagram for one, and then says what it was asked.
fn udp(reply: &'static str) -> (String, thread::JoinHandle<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let target = format!("udp:localhost:{}", socket.local_addr().unwrap().port());
    let server = thread::spawn(move || {
        let mut buffer = [0; 65_536];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        socket.send_to(reply.as_bytes(), from).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    });
    (target, server)
}

/// A Unix server; it says also what the mode of the client's socket was.
fn unix(reply: &'static str) -> (tempfile::TempDir, thread::JoinHandle<(String, u32)>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("mi")).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let server = thread::spawn(move || {
        let mut buffer = [0; 65_536];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        let path = from.as_pathname().unwrap();
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        socket.send_to(reply.as_bytes(), path).unwrap();
        (String::from_utf8(buffer[..length].to_vec()).unwrap(), mode)
    });
    (dir, server)
}

#[test]
fn json_over_udp() {
    let (target, server) = udp(DONE);
    assert_eq!(client(&target).call("m", &params()).unwrap().to_string(), r#"{"a":[1,"x"]}"#);
    assert_eq!(server.join().unwrap(), CALL);
    let (target, _server) = udp(REFUSED);
    assert_eq!(
        refusal(client(&target).call("m", &params())),
        (404, "404 Node id not found: why".into())
    );
}

#[test]
fn json_over_a_unix_socket_and_nothing_is_left() {
    let (dir, server) = unix(DONE);
    let client = client(&format!("unix:{}/mi", dir.path().display())).reply_dir(dir.path());
    assert_eq!(client.call("m", &params()).unwrap().to_string(), r#"{"a":[1,"x"]}"#);
    assert_eq!(server.join().unwrap(), (CALL.into(), 0o666));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the server's socket");
}

#[test]
fn text_over_datagrams() {
    let (target, server) = udp("200 OK\nUp time:: 1 [sec]\n\n");
    let answer = client(&target).call_text("uptime", &[]).unwrap();
    assert_eq!((answer.is_ok(), answer.lines), (true, vec!["Up time:: 1 [sec]".to_owned()]));
    assert_eq!(server.join().unwrap(), ":uptime:\n");
    let (dir, server) = unix("400 parse error in command\n");
    let client = client(&format!("unix:{}/mi", dir.path().display())).reply_dir(dir.path());
    assert_eq!(client.call_text("c", &["1", "b"]).unwrap().code, 400);
    assert_eq!(server.join().unwrap().0, ":c:\n1\nb\n");
}

#[test]
fn what_answers_in_another_form() {
    let (target, _server) = udp("500 command not available\n");
    let error = unreachable(client(&target).call("m", &params()));
    assert!(error.to_string().contains(r#""500 command not available\n""#), "{error}");
}

#[test]
fn nobody_there() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = unreachable(client(&format!("udp:{free}")).call("m", &params()));
    assert!(matches!(error, ClientError::NotListening { .. }), "{error}");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mi");
    let client = client(&format!("unix:{}", path.display())).reply_dir(dir.path());
    let error = || unreachable(client.call("m", &params()));
    assert!(matches!(error(), ClientError::NotListening { .. }), "nothing there");
    drop(UnixDatagram::bind(&path).unwrap());
    assert!(matches!(error(), ClientError::NotListening { .. }), "left over");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let elsewhere = client.clone().reply_dir(dir.path().join("none"));
    let error = unreachable(elsewhere.call("m", &params()));
    assert!(matches!(error, ClientError::ReplySocket { .. }), "{error}");
}

#[test]
fn a_server_that_says_nothing() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = format!("udp:{}", silent.local_addr().unwrap());
    assert_bounded(|patience| client(&target).timeout(patience).call("m", &params()));

    let dir = tempfile::tempdir().unwrap();
    let silent = UnixDatagram::bind(dir.path().join("mi")).unwrap();
    let client = client(&format!("unix:{}/mi", dir.path().display())).reply_dir(dir.path());
    let ask = |patience: Duration| client.clone().timeout(patience).call("m", &params());
    assert_bounded(ask);
    // The queue of a socket that nobody reads fills up: then it is the sending that waits.
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"x", dir.path().join("mi")).is_ok() {}
    assert_bounded(ask);
    drop(silent);
}

#[test]
fn a_request_that_no_datagram_holds() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = format!("udp:{}", socket.local_addr().unwrap());
    let long = clusterer_mi::MiData::list(["x".repeat(70_000)]);
    let error = usage(client(&target).call("m", &long));
    assert!(matches!(error, ClientError::TooLongForDatagram { length: 70_000.. }), "{error}");
    socket.set_nonblocking(true).unwrap();
    let nothing = socket.recv(&mut [0; 10]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
}
