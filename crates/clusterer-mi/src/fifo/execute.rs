//! Runs requests and writes their replies, which never hold up the next request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::reply::ReplyPipe;
use crate::runner::{Runner, Turn};
use crate::{Args, JsonAnswer, jsonrpc, render_text, render_unknown};

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
    /// Run what this JSON text asks for.
    Json(Vec<u8>),
    /// Answer this.
    Say(String),
    /// Run a command and answer what it says.
    Text { command: String, args: Args },
}

/// What running a job needs.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) runner: Runner,
    pub(super) reply_timeout: Duration,
}

impl Executor {
    pub(super) async fn execute(self: Arc<Self>, job: Job, turn: Turn) {
        let Job { work, reply, permit } = job;
        let text = match work {
            Work::Json(text) => self.json(&text).await,
            Work::Say(text) => Some(text),
            Work::Text { command, args } => Some(self.text(&command, args).await),
        };
        drop(turn);
        // With nothing to say its end is closed all the same, which a client that reads notices.
        if let (Some(reply), Some(text)) = (reply, text)
            && let Err(error) = reply.write(&text, self.reply_timeout).await
        {
            let log = &self.runner.patience.log;
            log.warn(format_args!("a reply was not read to its end: {error}"));
        }
        drop(permit);
    }

    async fn json(&self, text: &[u8]) -> Option<String> {
        match self.runner.json(text).await {
            JsonAnswer::None => None,
            JsonAnswer::ParseError => Some(jsonrpc::PARSE_ERROR.to_owned()),
            JsonAnswer::Reply(reply) => Some(reply),
        }
    }

    async fn text(&self, command: &str, args: Args) -> String {
        let reply = self.runner.text(command, args).await;
        reply.map_or_else(|| render_unknown(command), |reply| render_text(command, &reply))
    }
}
