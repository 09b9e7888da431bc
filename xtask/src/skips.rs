//! Skipped tests: reported by the test, listed after the run, allowed one by one.
//!
//! libtest knows no skipping at run time and hides what a passing test prints. So a test that cannot
//! run here appends a line to the file named by `CLUSTERER_SKIPS` and returns; `CONTRIBUTING.md` has
//! the function to copy. A skip is then seen by everybody, and in CI it must be on a committed list.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result};

/// Names the file to which tests append their skips.
pub(crate) const VARIABLE: &str = "CLUSTERER_SKIPS";

/// The committed list, seen from the root of the repository.
pub(crate) const ALLOWED: &str = "xtask/allowed-skips.txt";

const MARK: &str = "SKIPPED: ";

/// One test that did not run, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Skip {
    test: String,
    reason: String,
}

impl Skip {
    pub(crate) fn new(test: &str, reason: &str) -> Skip {
        Skip { test: test.to_owned(), reason: reason.to_owned() }
    }

    /// `test: reason`. The first colon with a space after it divides: paths have `::`.
    fn parse(line: &str) -> Result<Skip> {
        let (test, reason) = line
            .split_once(": ")
            .map(|(test, reason)| (test.trim(), reason.trim()))
            .filter(|(test, reason)| !test.is_empty() && !reason.is_empty())
            .with_context(|| format!("`{line}` is not `test: reason`"))?;
        Ok(Skip::new(test, reason))
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}: {}", self.test, self.reason)
    }
}

/// What the tests of one run reported, sorted, each once.
pub(crate) fn reported(text: &str) -> Result<Vec<Skip>> {
    let mut skips = text
        .lines()
        .map(|line| {
            let skip = line.strip_prefix(MARK).context("a report begins with `SKIPPED: `");
            skip.and_then(Skip::parse).with_context(|| format!("`{line}` in ${VARIABLE}"))
        })
        .collect::<Result<Vec<_>>>()?;
    skips.sort();
    skips.dedup();
    Ok(skips)
}

/// The committed list of `root`; a project without one allows nothing.
pub(crate) fn allowed(root: &Path) -> Result<Vec<Skip>> {
    let path = root.join(ALLOWED);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).with_context(|| ALLOWED.to_owned())?;
    parse_allowed(&text).context(ALLOWED)
}

fn parse_allowed(text: &str) -> Result<Vec<Skip>> {
    let entries = text.lines().map(str::trim).filter(|line| !line.is_empty());
    entries.filter(|line| !line.starts_with('#')).map(Skip::parse).collect()
}

/// Those that nobody agreed to. An allowed test that skips for another reason is among them.
pub(crate) fn unexpected(skips: &[Skip], allowed: &[Skip]) -> Vec<Skip> {
    skips.iter().filter(|skip| !allowed.contains(skip)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_sorted_and_counted_once() {
        let text = "SKIPPED: peers::real_22: no binary\nSKIPPED: db::mysql: no server\n\
                    SKIPPED: peers::real_22: no binary\n";
        let skips = reported(text).unwrap();
        let (mysql, real) =
            (Skip::new("db::mysql", "no server"), Skip::new("peers::real_22", "no binary"));
        assert_eq!(skips, [mysql, real]);
        assert_eq!(skips[0].to_string(), "SKIPPED: db::mysql: no server");
    }

    #[test]
    fn a_report_without_a_reason_is_an_error() {
        for bad in ["SKIPPED: db::mysql", "SKIPPED: db::mysql: ", "db::mysql: no server"] {
            assert!(reported(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_has_comments_and_each_entry_a_reason() {
        let list = "# Needs a server.\n\ndb::mysql: no server\n";
        assert_eq!(parse_allowed(list).unwrap(), [Skip::new("db::mysql", "no server")]);
        assert!(parse_allowed("db::mysql\n").is_err());
    }

    #[test]
    fn only_the_listed_test_for_the_listed_reason_may_skip() {
        let listed = [Skip::new("db::mysql", "no server")];
        assert!(unexpected(&[Skip::new("db::mysql", "no server")], &listed).is_empty());
        for skip in [Skip::new("db::mysql", "port in use"), Skip::new("db::other", "no server")] {
            assert_eq!(unexpected(std::slice::from_ref(&skip), &listed), [skip]);
        }
    }

    #[test]
    fn the_committed_list_parses() {
        allowed(&crate::shell::repository()).unwrap();
    }
}
