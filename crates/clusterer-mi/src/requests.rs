//! Requests, counted by command and by what became of them. The facade's recorder is the program's affair.

use metrics::{Counter, Unit, counter, describe_counter};

use crate::MiReply;

const REQUESTS: &str = "clusterer_mi_requests_total";

/// The `command` of all that is none. Names that clients make up are no labels: there is no end of them.
const OTHER: &str = "other";

/// Describes everything this crate measures, to the recorder that is installed. Call it after installing one,
/// and before a [`CommandTable`](crate::CommandTable) is made, which picks the recorder up.
pub fn describe_metrics() {
    describe_counter!(
        REQUESTS,
        Unit::Count,
        "Management requests, by command (other: what is no command, or no request) and outcome: ok, error \
         (the command said so), refused (not run), failed (it panicked, or was given up)"
    );
}

/// The counters of one command.
pub(crate) struct Outcomes {
    error: Counter,
    failed: Counter,
    ok: Counter,
    refused: Counter,
}

impl Outcomes {
    pub(crate) fn of(command: &'static str) -> Self {
        let outcome = |outcome| counter!(REQUESTS, "command" => command, "outcome" => outcome);
        Self {
            error: outcome("error"),
            failed: outcome("failed"),
            ok: outcome("ok"),
            refused: outcome("refused"),
        }
    }

    /// The command runs from now on.
    pub(crate) fn begin(&self) -> Running<'_> {
        Running { failed: Some(&self.failed), of: self }
    }

    /// It was asked for with something that it does not take.
    #[cfg(feature = "json")]
    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }
}

/// The counter of what is no command.
pub(crate) fn other() -> Counter {
    counter!(REQUESTS, "command" => OTHER, "outcome" => "refused")
}

/// A command that runs. Whoever gives up on one drops it, and so does a panic.
pub(crate) struct Running<'o> {
    failed: Option<&'o Counter>,
    of: &'o Outcomes,
}

impl Running<'_> {
    pub(crate) fn ended(mut self, reply: &MiReply) {
        self.failed = None;
        let Outcomes { error, failed, ok, refused } = self.of;
        let counter = match reply {
            MiReply::Answer { .. } => ok,
            MiReply::Error { .. } | MiReply::SilentError { .. } => error,
            MiReply::Failed => failed,
            MiReply::Refused(_) => refused,
        };
        counter.increment(1);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(failed) = self.failed {
            failed.increment(1);
        }
    }
}

#[cfg(test)]
#[cfg(feature = "json")]
mod tests {
    use std::collections::BTreeMap;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use crate::{Args, CommandTable, MiCommand, Param, Spec, block_on, command, jsonrpc};

    use super::*;

    /// All that was counted, by command and outcome.
    fn counted(run: impl FnOnce()) -> BTreeMap<String, u64> {
        let recorder = DebuggingRecorder::new();
        metrics::with_local_recorder(&recorder, run);
        let entries = recorder.snapshotter().snapshot().into_vec();
        let counted = entries.into_iter().map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
            let DebugValue::Counter(count) = value else { panic!("{key:?} is no counter") };
            (labels.join(" "), count)
        });
        counted.collect()
    }

    fn table() -> CommandTable {
        const PARAMS: &[Param] = &[Param::required("id", "a number").int()];
        let answering = |name, reply: MiReply| -> std::sync::Arc<dyn MiCommand> {
            command(Spec::new(name, PARAMS, "Answers"), move |_| {
                let reply = reply.clone();
                async { reply }
            })
        };
        let panics = command(Spec::new("panics", &[], ""), |_| async { panic!("on purpose") });
        let mut table = CommandTable::new();
        for command in [
            answering("ok", MiReply::ok()),
            answering("error", MiReply::error(500, "no")),
            answering("failed", MiReply::Failed),
            panics,
        ] {
            table.add(command).unwrap();
        }
        table
    }

    #[test]
    fn every_outcome_of_every_command_is_there_from_the_start() {
        let counted = counted(|| drop(table()));
        assert_eq!(counted.len(), 6 * 4 + 1, "{counted:?}");
        assert!(counted.values().all(|&count| count == 0), "{counted:?}");
    }

    #[test]
    fn requests_are_counted_by_what_became_of_them() {
        let counted = counted(|| {
            let table = table();
            for (method, params) in [
                ("ok", "[1]"),
                ("ok", "[]"),
                ("error", "[1]"),
                ("failed", "[1]"),
                ("panics", "[]"),
                ("which", "[]"),
                ("help", "[1,2]"),
                ("made up", "[]"),
            ] {
                let request =
                    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params},"id":1}}"#);
                block_on(jsonrpc::answer(&table, request.as_bytes()));
            }
            for broken in ["no JSON", "[]", "{}"] {
                block_on(jsonrpc::answer(&table, broken.as_bytes()));
            }
            block_on(table.run("another", Args::none())).unwrap_err();
        });
        let seen: Vec<_> = counted.into_iter().filter(|&(_, count)| count > 0).collect();
        let expected = [
            ("error error", 1),
            ("failed failed", 1),
            ("help refused", 1),
            ("ok ok", 1),
            ("ok refused", 1),
            ("other refused", 5),
            ("panics failed", 1),
            ("which ok", 1),
        ];
        assert_eq!(seen, expected.map(|(name, count)| (name.to_owned(), count)));
    }
}
