//! The blocking client.

use std::fs;
use std::time::Duration;

use clusterer_mi::{ClientError, EncodeError, call};

use crate::support::{Bench, make_fifo};
use crate::waiting::LONG;

#[test]
fn parameters_arrive_as_they_are() {
    let bench = Bench::new();
    for value in
        ["1", " a ", "\"", "a \"b\" \\c", "two\nlines", "two\n\n:note:\n\n", "[::1]", "a::b"]
    {
        bench.call("note", &[value, "end"]);
        assert_eq!(bench.ran.lock().unwrap().pop().unwrap(), format!("note {value} end"));
        assert_eq!(bench.ran(), [""; 0]);
    }
}

#[test]
fn the_reply_fifo_is_removed() {
    let bench = Bench::new();
    bench.call("echo", &[]);
    let left: Vec<_> = fs::read_dir(bench.dir.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn nobody_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mi");
    let error = || call(&path, dir.path(), "which", &[], LONG).unwrap_err();
    assert!(matches!(error(), ClientError::Missing { .. }));
    make_fifo(&path);
    assert!(matches!(error(), ClientError::NotRunning { .. }));
    fs::remove_file(&path).unwrap();
    fs::write(&path, "kept").unwrap();
    assert!(matches!(error(), ClientError::NotFifo { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(error(), ClientError::NotFifo { .. }));
}

#[test]
fn no_reply_in_time() {
    let bench = Bench::new();
    let patience = Duration::from_millis(50);
    let error = call(&bench.path(), bench.dir.path(), "hang", &[], patience).unwrap_err();
    assert!(matches!(error, ClientError::Timeout(after) if after == patience), "{error}");
    let elsewhere = tempfile::tempdir().unwrap();
    let error = call(&bench.path(), elsewhere.path(), "echo", &[], patience).unwrap_err();
    assert!(matches!(error, ClientError::Timeout(_)), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn requests_that_cannot_be_sent_are_refused_before() {
    let bench = Bench::new();
    let error =
        |params: &[&str]| call(&bench.path(), bench.dir.path(), "note", params, LONG).unwrap_err();
    assert!(matches!(error(&[""]), ClientError::Encode(EncodeError::Empty { position: 1 })));
    assert!(matches!(error(&[&"x".repeat(5000)]), ClientError::TooLong { length: 5000.. }));
    let missing = bench.dir.path().join("missing");
    let error = call(&bench.path(), &missing, "note", &[], LONG).unwrap_err();
    assert!(matches!(error, ClientError::Reply { .. }), "{error}");
    assert_eq!(bench.ran(), [""; 0]);
}
