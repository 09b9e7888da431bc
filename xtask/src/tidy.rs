//! `cargo xtask tidy`: the layering of the crates, and what reviewers would forget.
//!
//! The rules are functions from a [`Workspace`] to findings; only `load` touches the disk. So each
//! rule is tested with a workspace that must fail. What may break a rule is in `exceptions`.

mod changelog;
mod embed;
mod exceptions;
mod layers;
mod load;
mod manifests;
mod publishing;
mod quotes;
mod rust_text;
mod sources;
mod workspace;

use std::{fmt, path::Path};

use anyhow::{Result, bail};

use self::{exceptions::Exception, workspace::Workspace};

pub(crate) fn run(root: &Path) -> Result<()> {
    let workspace = load::workspace(root)?;
    let findings = check(&workspace, exceptions::EXCEPTIONS);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings", findings.len());
    }
    let (packages, files) = (workspace.packages.len(), workspace.files.len());
    println!("tidy: {packages} packages and {files} files are clean");
    Ok(())
}

fn check(workspace: &Workspace, exceptions: &[Exception]) -> Vec<Finding> {
    let mut findings = [
        layers::check(workspace),
        manifests::check(workspace),
        publishing::check(workspace),
        changelog::check(workspace),
        quotes::check(workspace),
        embed::check(workspace),
        sources::check(workspace),
    ]
    .concat();
    findings.sort();
    exceptions::apply(exceptions, findings)
}

/// What a finding is about. An exception names one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// A crate depends on a workspace crate that its layer may not see.
    Layer,
    /// A third-party crate outside its home, or inside a pure crate.
    ThirdParty,
    /// A dev-dependency on a crate above.
    DevCycle,
    /// A pure crate that lets `std` or `unsafe` in.
    Pure,
    /// A published crate without what its page on crates.io and docs.rs shows.
    Manifest,
    /// A crate with a version of its own.
    Version,
    /// A changelog without its form.
    Changelog,
    /// Code in a document that stands in no file.
    Quote,
    /// A crate that holds a place instead of code.
    EmptyCrate,
    /// A library without a project in tests/embed, or the reverse.
    Embed,
    /// The README does not show a command that CI runs.
    Readme,
    /// A file too long to hold one noun.
    LongFile,
    /// Unfinished or switched-off code.
    Unfinished,
    /// Unsafe code.
    Unsafe,
    /// A sleep, which hides a race or blocks a thread.
    Sleep,
    /// A library that talks on somebody else's terminal.
    Print,
    /// Whitespace at the end of a line.
    TrailingSpace,
    /// An exception that excuses nothing.
    StaleException,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Layer => "layer",
            Rule::ThirdParty => "third-party",
            Rule::DevCycle => "dev-cycle",
            Rule::Pure => "pure",
            Rule::Manifest => "manifest",
            Rule::Version => "version",
            Rule::Changelog => "changelog",
            Rule::Quote => "quote",
            Rule::EmptyCrate => "empty-crate",
            Rule::Embed => "embed",
            Rule::Readme => "readme",
            Rule::LongFile => "long-file",
            Rule::Unfinished => "unfinished",
            Rule::Unsafe => "unsafe",
            Rule::Sleep => "sleep",
            Rule::Print => "print",
            Rule::TrailingSpace => "trailing-space",
            Rule::StaleException => "stale-exception",
        })
    }
}

/// One broken rule, printed so that an editor can jump to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: Rule,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: Rule, message: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_path_line_rule_message() {
        let finding = Finding::new("crates/a/src/lib.rs", 7, Rule::Print, "no");
        assert_eq!(finding.to_string(), "crates/a/src/lib.rs:7: print: no");
    }

    #[test]
    fn every_family_of_rules_is_asked() {
        let mut workspace = Workspace::with_crate("clusterer-surprise");
        workspace.remove("README.md");
        workspace.remove("tests/embed/clusterer-surprise/src/main.rs");
        workspace.write("docs/a.md", "a \n");
        let mut rules = check(&workspace, &[]).into_iter().map(|it| it.rule).collect::<Vec<_>>();
        rules.sort();
        assert_eq!(rules, [Rule::Layer, Rule::Embed, Rule::Readme, Rule::TrailingSpace]);
    }

    #[test]
    fn findings_come_sorted_and_past_the_exceptions() {
        let mut workspace = Workspace::with_crate("clusterer-node");
        workspace.write("crates/clusterer-node/src/b.rs", "fn b() { todo!() }\n");
        workspace.write("crates/clusterer-node/src/a.rs", "fn a() { sleep(1); }\n");
        let (a, b) = ("crates/clusterer-node/src/a.rs", "crates/clusterer-node/src/b.rs");

        let paths = |exceptions: &[Exception]| -> Vec<String> {
            check(&workspace, exceptions).into_iter().map(|finding| finding.path).collect()
        };
        assert_eq!(paths(&[]), [a, b]);
        let exception = Exception { rule: Rule::Sleep, path: a, reason: "a test" };
        assert_eq!(paths(&[exception]), [b]);
    }
}
