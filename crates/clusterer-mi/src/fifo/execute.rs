//! Runs requests: one after the other as long as they are quick, so that a script that writes two in
//! a row gets them in that order; a slow one is overtaken. Replies never hold up the next request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::reply::ReplyPipe;
use crate::guard::{Guard as _, Patience};
use crate::{Args, CommandTable, MiReply, render_text, render_unknown};

/// How long a request waits for the one before it.
const ORDER_PATIENCE: Duration = Duration::from_secs(1);

/// A request whose reply FIFO, if it has one, is open.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reply: Option<ReplyPipe>,
    /// Its place among the requests under way.
    pub(super) permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) enum Work {
    /// Run a command and answer what it says.
    Run { command: String, args: Args },
    /// Answer this.
    Say(String),
}

/// What running a job needs.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) table: Arc<CommandTable>,
    pub(super) patience: Patience,
    pub(super) reply_timeout: Duration,
}

impl Executor {
    /// Runs jobs until all senders are gone and all replies written.
    pub(super) async fn run(self, mut jobs: mpsc::Receiver<Job>) {
        let executor = Arc::new(self);
        let mut tasks = JoinSet::new();
        while let Some(job) = jobs.recv().await {
            let (answered, answer) = oneshot::channel();
            tasks.spawn(Arc::clone(&executor).execute(job, answered));
            // Either way the next one may start.
            let _ = timeout(ORDER_PATIENCE, answer).await;
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn execute(self: Arc<Self>, job: Job, answered: oneshot::Sender<()>) {
        let Job { work, reply, permit } = job;
        let text = match work {
            Work::Run { command, args } => self.answer(&command, args).await,
            Work::Say(text) => text,
        };
        drop(answered);
        if let Some(reply) = reply
            && let Err(error) = reply.write(&text, self.reply_timeout).await
        {
            self.patience.log.warn(format_args!("a reply was not read to its end: {error}"));
        }
        drop(permit);
    }

    async fn answer(&self, command: &str, args: Args) -> String {
        if self.table.spec(command).is_none() {
            return render_unknown(command);
        }
        let run = async { self.table.run(command, args).await.unwrap_or(MiReply::Failed) };
        render_text(command, &self.patience.watch(command, Box::pin(run)).await)
    }
}
