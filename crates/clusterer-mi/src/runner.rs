//! Runs what carriers without connections were sent: one request after the other as long as they are quick, so
//! that a script that sends two in a row gets them in that order; a slow one is overtaken.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::guard::{Guard as _, Patience};
use crate::{Args, CommandTable, JsonAnswer, MiData, MiReply, jsonrpc};

/// The longest JSON request over a FIFO or in a datagram, in bytes.
pub const MAX_JSON: usize = 65_536;

/// How long a request waits for the one before it.
const ORDER_PATIENCE: Duration = Duration::from_secs(1);

/// How long a server that stops still takes requests, and then how long those may take to finish.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// Dropped by a request when the next one may run.
pub(crate) type Turn = oneshot::Sender<()>;

/// Runs jobs until all senders are gone and all jobs done.
pub(crate) async fn in_order<J, F>(mut jobs: mpsc::Receiver<J>, run: impl Fn(J, Turn) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        let (turn, over) = oneshot::channel();
        tasks.spawn(run(job, turn));
        // Either way the next one may start.
        let _ = timeout(ORDER_PATIENCE, over).await;
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

/// Returns once a server is to stop. Nothing is ever sent: its handle is dropped.
pub(crate) async fn stop_of(handle: &mut watch::Receiver<()>) {
    while handle.changed().await.is_ok() {}
}

/// Returns once a server that stops takes no more requests.
pub(crate) async fn too_late(mut handle: watch::Receiver<()>) {
    stop_of(&mut handle).await;
    sleep_until(Instant::now() + SHUTDOWN_GRACE).await;
}

/// What running a request needs.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) table: Arc<CommandTable>,
    pub(crate) patience: Patience,
}

impl Runner {
    /// `None` if there is no such command.
    pub(crate) async fn text(&self, command: &str, args: Args) -> Option<MiReply> {
        if self.table.spec(command).is_none() {
            self.table.note_other();
            return None;
        }
        let run = async { self.table.run(command, args).await.unwrap_or(MiReply::Failed) };
        Some(self.patience.watch(command, Box::pin(run)).await)
    }

    pub(crate) async fn json(&self, request: &[u8]) -> JsonAnswer {
        jsonrpc::answer_guarded(&self.table, request, &self.patience).await
    }
}

/// The reply to a JSON request of more than [`MAX_JSON`] bytes, whose id nobody has read.
pub(crate) fn too_long() -> String {
    let why = format!("longer than {MAX_JSON} bytes");
    json_error(-32600, "Invalid Request", &why, "null")
}

pub(crate) fn json_error(code: i64, message: &str, data: &str, id: &str) -> String {
    let members =
        [("code", MiData::from(code)), ("message", message.into()), ("data", data.into())];
    let error = MiData::object(members);
    format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#)
}
