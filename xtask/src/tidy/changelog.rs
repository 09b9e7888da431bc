//! The changelog has the form that it says it has, and an entry for each release.

use super::{Finding, Rule, publishing, workspace::Workspace};

const PATH: &str = "CHANGELOG.md";

/// What a release may say, by <https://keepachangelog.com>.
const KINDS: &[&str] = &["Added", "Changed", "Deprecated", "Fixed", "Removed", "Security"];

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let text = workspace.file(PATH).map_or("", |file| file.text.as_str());
    let version = workspace.file("Cargo.toml").and_then(|root| publishing::version(&root.text));
    let mut findings = Vec::new();
    let mut report = |line: usize, message: String| {
        findings.push(Finding::new(PATH, line, Rule::Changelog, message));
    };

    let mut releases = Vec::new();
    let mut kinds = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(heading) = line.strip_prefix("## ") {
            kinds.clear();
            releases.push((number, heading));
        } else if let Some(kind) = line.strip_prefix("### ") {
            if !KINDS.contains(&kind) {
                report(number, format!("`{kind}` is not one of {}", KINDS.join(", ")));
            }
            if kinds.contains(&kind) {
                report(number, format!("the release has `{kind}` twice"));
            }
            kinds.push(kind);
        }
    }
    if releases.first().is_none_or(|(_, heading)| *heading != "Unreleased") {
        report(1, "does not begin with `## Unreleased`".to_owned());
    }

    let mut newer: Option<[u64; 3]> = None;
    for &(number, heading) in releases.iter().skip(1) {
        let Some(release) = release(heading) else {
            report(number, format!("`{heading}` is not `VERSION - YYYY-MM-DD`"));
            continue;
        };
        if newer.is_none() && version.and_then(numbers).is_some_and(|version| version < release) {
            report(number, "is newer than the version in Cargo.toml".to_owned());
        }
        if newer.is_some_and(|newer| newer <= release) {
            report(number, "stands below a release that is not newer".to_owned());
        }
        newer = Some(release);
    }
    findings
}

/// The version of a heading that has a version and a date.
fn release(heading: &str) -> Option<[u64; 3]> {
    let (version, date) = heading.split_once(" - ")?;
    let form = date.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    form.eq(*b"0000-00-00").then(|| numbers(version))?
}

fn numbers(version: &str) -> Option<[u64; 3]> {
    let numbers = version.split('.').map(|number| number.parse().ok());
    numbers.collect::<Option<Vec<u64>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[workspace.package]\nversion = \"0.2.0\"\n";

    fn findings(releases: &str) -> Vec<(usize, String)> {
        let mut workspace = Workspace::with_crate("clusterer-node");
        workspace.write("Cargo.toml", MANIFEST);
        workspace.write(PATH, &format!("# Changelog\n{releases}"));
        check(&workspace).into_iter().map(|finding| (finding.line, finding.message)).collect()
    }

    #[test]
    fn releases_with_dates_below_what_is_unreleased_pass() {
        let releases = "## Unreleased\n### Added\n- It.\n## 0.2.0 - 2026-12-01\n### Added\n\
                        ### Fixed\n## 0.1.10 - 2026-11-23\n## 0.1.9 - 2026-11-22\n";
        assert_eq!(findings(releases), []);
        assert_eq!(findings("## Unreleased\n## 0.1.0 - 2026-11-22\n"), []);
    }

    #[test]
    fn what_is_unreleased_stands_first() {
        for releases in ["", "## 0.1.0 - 2026-11-22\n", "## [Unreleased]\n"] {
            assert_eq!(findings(releases), [(1, "does not begin with `## Unreleased`".to_owned())]);
        }
    }

    #[test]
    fn a_release_has_a_version_and_a_date() {
        for heading in ["0.1.0", "0.1 - 2026-11-22", "v0.1.0 - 2026-11-22", "0.1.0 - 22.11.2026"] {
            let findings = findings(&format!("## Unreleased\n## {heading}\n"));
            assert_eq!(findings, [(3, format!("`{heading}` is not `VERSION - YYYY-MM-DD`"))]);
        }
    }

    #[test]
    fn releases_go_down_from_the_version_of_the_workspace() {
        let newer = findings("## Unreleased\n## 0.2.1 - 2026-11-22\n");
        assert_eq!(newer, [(3, "is newer than the version in Cargo.toml".to_owned())]);
        let below = "stands below a release that is not newer".to_owned();
        let order = "## Unreleased\n## 0.1.9 - 2026-11-22\n## 0.1.10 - 2026-11-23\n";
        assert_eq!(findings(order), [(4, below.clone())]);
        let twice = "## Unreleased\n## 0.1.0 - 2026-11-22\n## 0.1.0 - 2026-11-23\n";
        assert_eq!(findings(twice), [(4, below)]);
    }

    #[test]
    fn a_release_says_each_kind_of_thing_once() {
        let unknown = "`New` is not one of Added, Changed, Deprecated, Fixed, Removed, Security";
        assert_eq!(findings("## Unreleased\n### New\n"), [(3, unknown.to_owned())]);
        let twice = "## Unreleased\n### Fixed\n### Added\n### Fixed\n";
        assert_eq!(findings(twice), [(5, "the release has `Fixed` twice".to_owned())]);
    }
}
