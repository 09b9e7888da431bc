//! The client, against servers that do one thing each.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod datagram;
mod fifo;
mod http;

use std::time::{Duration, Instant};

use clusterer_mi::{CallError, Client, ClientError, MiData, Target};

/// Longer than anything takes on a busy machine; only a failing test waits this long.
const LONG: Duration = Duration::from_secs(20);

/// The reply to a call of the client: its id is always 1.
const DONE: &str = r#"{"jsonrpc":"2.0","result":{"a":[1,"x"]},"id":1}"#;
const REFUSED: &str =
    r#"{"jsonrpc":"2.0","error":{"code":404,"message":"Node id not found","data":"why"},"id":1}"#;

fn client(target: &str) -> Client {
    Client::new(Target::parse(target).unwrap()).timeout(LONG)
}

fn params() -> MiData {
    MiData::list(["1", "two\nlines"])
}

/// The request that this makes.
const CALL: &str = r#"{"jsonrpc":"2.0","method":"m","params":["1","two\nlines"],"id":1}"#;

fn refusal(result: Result<MiData, CallError>) -> (i64, String) {
    match result {
        Err(CallError::Refused(refusal)) => (refusal.code, refusal.to_string()),
        other => panic!("{other:?}"),
    }
}

fn unreachable(result: Result<MiData, CallError>) -> ClientError {
    match result {
        Err(CallError::Unreachable(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn usage(result: Result<MiData, CallError>) -> ClientError {
    match result {
        Err(CallError::Usage(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// That a call gives up when its time is over, whatever the other side does.
fn assert_bounded(call: impl FnOnce(Duration) -> Result<MiData, CallError>) {
    let patience = Duration::from_millis(200);
    let start = Instant::now();
    let error = unreachable(call(patience));
    assert!(matches!(error, ClientError::Timeout(after) if after == patience), "{error}");
    assert!(start.elapsed() >= patience && start.elapsed() < LONG, "{:?}", start.elapsed());
}
