//! JSON-RPC over a FIFO. The text form is tested with the server.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::thread;

use clusterer_mi::{ClientError, MiData};
use rustix::fs::{CWD, Mode};

use crate::{CALL, DONE, REFUSED, assert_bounded, client, params, refusal, unreachable, usage};

fn fifo(dir: &Path) -> clusterer_mi::Client {
    let path = dir.join("mi");
    rustix::fs::mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    client(&format!("fifo:{}", path.display())).reply_dir(dir)
}

/// A server that takes one request, and says what it was without the name of the reply FIFO.
fn server(dir: &Path, reply: &'static str) -> thread::JoinHandle<String> {
    let dir = dir.to_owned();
    // For both directions, so that opening waits for nobody.
    let commands = OpenOptions::new().read(true).write(true).open(dir.join("mi")).unwrap();
    thread::spawn(move || {
        let mut commands = BufReader::new(commands);
        let mut request = String::new();
        commands.read_line(&mut request).unwrap();
        commands.read_line(&mut request).unwrap();
        let (name, request) = request.strip_prefix(':').unwrap().split_once(':').unwrap();
        let mut replies = OpenOptions::new().write(true).open(dir.join(name)).unwrap();
        replies.write_all(reply.as_bytes()).unwrap();
        request.to_owned()
    })
}

#[test]
fn results_and_refusals() {
    let dir = tempfile::tempdir().unwrap();
    let client = fifo(dir.path());
    let answering = server(dir.path(), DONE);
    assert_eq!(client.call("m", &params()).unwrap().to_string(), r#"{"a":[1,"x"]}"#);
    assert_eq!(answering.join().unwrap(), format!("{CALL}\n\n"));
    let refusing = server(dir.path(), REFUSED);
    assert_eq!(refusal(client.call("m", &params())).0, 404);
    refusing.join().unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "only the command FIFO");
}

#[test]
fn a_server_that_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let client = fifo(dir.path());
    let error = unreachable(client.call("m", &params()));
    assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
    let closing = server(dir.path(), "");
    let error = unreachable(client.call("m", &params()));
    assert!(matches!(error, ClientError::NoAnswer), "{error}");
    closing.join().unwrap();
    let path = dir.path().join("mi");
    let _reader = OpenOptions::new().read(true).write(true).open(path).unwrap();
    assert_bounded(|patience| client.clone().timeout(patience).call("m", &params()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_does_not_stay_in_one_piece_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let client = fifo(dir.path());
    let _reader = OpenOptions::new().read(true).write(true).open(dir.path().join("mi")).unwrap();
    let error = usage(client.call("m", &MiData::list(["x".repeat(4096)])));
    assert!(matches!(error, ClientError::TooLong { .. }), "{error}");
    let error = usage(client.call("m", &MiData::Int(1)));
    assert!(matches!(error, ClientError::Params), "{error}");
}
