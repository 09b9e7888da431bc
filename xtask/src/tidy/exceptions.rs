//! What may break a rule, each with its reason. One that excuses nothing is itself a finding, so that
//! the list only holds what is still true.

use super::{Finding, Rule};

/// Leave for one rule in one file.
pub(super) struct Exception {
    pub(super) rule: Rule,
    /// Seen from the root of the repository.
    pub(super) path: &'static str,
    /// For the reader; a blank one is a finding.
    pub(super) reason: &'static str,
}

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        rule: Rule::Sleep,
        path: "crates/clusterer-mi/src/datagram/server.rs",
        reason: "nothing tells a sender that a client has read its datagrams; the wait has a deadline",
    },
    Exception {
        rule: Rule::Sleep,
        path: "crates/clusterer-mi/src/fifo/reply.rs",
        reason: "nothing tells a writer that a FIFO has got a reader; the wait has a deadline",
    },
    Exception {
        rule: Rule::Sleep,
        path: "crates/clusterer/src/builder.rs",
        reason: "the pause between two attempts to reach a database that is away at start",
    },
    Exception {
        rule: Rule::Sleep,
        path: "crates/clustererd/src/run.rs",
        reason: "the same pause, as long as the database cannot even be opened",
    },
];

/// Drops the findings that are excused, adds the excuses that are not needed.
pub(super) fn apply(exceptions: &[Exception], findings: Vec<Finding>) -> Vec<Finding> {
    let excuses = |exception: &Exception, finding: &Finding| {
        exception.rule == finding.rule && exception.path == finding.path
    };
    let stale = exceptions.iter().filter_map(|exception| {
        let message = if exception.reason.trim().is_empty() {
            format!("the exception from `{}` gives no reason", exception.rule)
        } else if findings.iter().any(|finding| excuses(exception, finding)) {
            return None;
        } else {
            format!("the exception from `{}` is no longer needed", exception.rule)
        };
        Some(Finding::new(exception.path, 1, Rule::StaleException, message))
    });
    let stale = stale.collect::<Vec<_>>();
    let excused = |finding: &Finding| exceptions.iter().any(|it| excuses(it, finding));
    findings.into_iter().filter(|finding| !excused(finding)).chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLEEP: Exception = Exception { rule: Rule::Sleep, path: "a.rs", reason: "it waits" };

    fn finding(path: &str, rule: Rule) -> Finding {
        Finding::new(path, 3, rule, "no")
    }

    #[test]
    fn an_exception_excuses_its_rule_in_its_file_only() {
        assert_eq!(apply(&[SLEEP], vec![finding("a.rs", Rule::Sleep)]), []);
        let others = [finding("a.rs", Rule::Print), finding("b.rs", Rule::Sleep)];
        let all = [&others[..], &[finding("a.rs", Rule::Sleep)]].concat();
        assert_eq!(apply(&[SLEEP], all), others);
    }

    #[test]
    fn an_exception_that_excuses_nothing_or_says_nothing_is_a_finding() {
        assert_eq!(apply(&[SLEEP], Vec::new())[0].rule, Rule::StaleException);
        let silent = Exception { reason: " ", ..SLEEP };
        let findings = apply(&[silent], vec![finding("a.rs", Rule::Sleep)]);
        assert_eq!(findings[0].rule, Rule::StaleException);
    }
}
