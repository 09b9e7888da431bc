//! What a crate shows the world: its manifest, its README, the head of its documentation.

use super::{
    Finding, Rule, rust_text,
    workspace::{Package, Workspace},
};

/// Fewer lines of code than this in all of `src` is a name that was taken, not a crate.
const LEAST_CODE: usize = 30;

/// Fewer lines than this cannot say what the crate does, how, on which threads and what it refuses.
const LEAST_README: usize = 5;

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::from_iter(root_readme(workspace));
    for package in workspace.crates() {
        findings.extend(manifest(workspace, package));
        findings.extend(documentation(workspace, package));
        findings.extend(substance(workspace, package));
    }
    findings
}

/// The README promises the commands from which everything starts, and CI runs the second.
fn root_readme(workspace: &Workspace) -> Option<Finding> {
    const COMMAND: &str = "cargo xtask test";
    let shown = workspace.file("README.md").is_some_and(|readme| readme.text.contains(COMMAND));
    let message = format!("does not show `{COMMAND}`, the command that CI runs");
    (!shown).then(|| Finding::new("README.md", 1, Rule::Readme, message))
}

fn manifest(workspace: &Workspace, package: &Package) -> Vec<Finding> {
    let path = package.manifest();
    let mut missing = Vec::new();
    if package.published && package.description.is_none() {
        missing.push("has no description");
    }
    if package.published && package.license.is_none() {
        missing.push("has no licence");
    }
    let inherits = workspace.file(&path).is_some_and(|manifest| {
        let mut lines = manifest.text.lines().skip_while(|line| line.trim() != "[lints]").skip(1);
        lines.next().is_some_and(|line| line.trim() == "workspace = true")
    });
    if !inherits {
        missing.push("does not inherit the lints: `[lints]`, `workspace = true`");
    }
    missing.into_iter().map(|what| Finding::new(&path, 1, Rule::Manifest, what)).collect()
}

fn documentation(workspace: &Workspace, package: &Package) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |path: &str, message: &str| {
        findings.push(Finding::new(path, 1, Rule::Manifest, message));
    };

    let readme = format!("{}/README.md", package.directory);
    let said = workspace.file(&readme).map_or("", |file| file.text.as_str());
    if package.published
        && said.lines().filter(|line| !line.trim().is_empty()).count() < LEAST_README
    {
        report(&readme, "is missing, or too short to say what, how, which threads, what not");
    }

    for root in package.library.iter().chain(&package.programs) {
        let text = workspace.file(root).map_or("", |file| file.text.as_str());
        let head = text.lines().take_while(|line| line.starts_with("//!"));
        let head = head.collect::<Vec<_>>();
        if head.is_empty() {
            report(root, "does not begin with a doc comment (`//!`)");
        } else if package.library.as_ref() == Some(root)
            && !head.iter().any(|line| line.contains("```"))
        {
            report(root, "has no example in its opening doc comment");
        }
    }
    findings
}

fn substance(workspace: &Workspace, package: &Package) -> Option<Finding> {
    let lines = workspace.sources(package).map(|file| rust_text::code_lines(&file.text)).sum();
    let message = |lines: usize| format!("has {lines} lines of code: an empty crate is a promise");
    (lines < LEAST_CODE)
        .then(|| Finding::new(&package.manifest(), 1, Rule::EmptyCrate, message(lines)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "crates/clusterer-node";

    fn check_spoiled(spoil: impl FnOnce(&mut Workspace)) -> Vec<(String, Rule)> {
        let mut workspace = Workspace::with_crate("clusterer-node");
        spoil(&mut workspace);
        check(&workspace).into_iter().map(|finding| (finding.path, finding.rule)).collect()
    }

    fn found(path: &str, rule: Rule) -> Vec<(String, Rule)> {
        vec![(path.to_owned(), rule)]
    }

    #[test]
    fn a_complete_crate_passes() {
        assert_eq!(check_spoiled(|_| ()), []);
    }

    #[test]
    fn a_published_crate_needs_description_licence_and_lints() {
        let manifest = format!("{NODE}/Cargo.toml");
        let expected = found(&manifest, Rule::Manifest);
        assert_eq!(check_spoiled(|it| it.packages[0].description = None), expected);
        assert_eq!(check_spoiled(|it| it.packages[0].license = None), expected);
        assert_eq!(check_spoiled(|it| it.write(&manifest, "[package]\n")), expected);
        let unlinted = "[lints]\n[dependencies]\nworkspace = true\n";
        assert_eq!(check_spoiled(|it| it.write(&manifest, unlinted)), expected);
        let unpublished = |it: &mut Workspace| {
            it.packages[0].published = false;
            it.packages[0].description = None;
        };
        assert_eq!(check_spoiled(unpublished), []);
    }

    #[test]
    fn a_published_crate_needs_a_readme_that_says_something() {
        let readme = format!("{NODE}/README.md");
        assert_eq!(check_spoiled(|it| it.remove(&readme)), found(&readme, Rule::Manifest));
        let title = |it: &mut Workspace| it.write(&readme, "# clusterer-node\n\n\n\n\n\n");
        assert_eq!(check_spoiled(title), found(&readme, Rule::Manifest));
    }

    #[test]
    fn a_library_opens_with_documentation_and_an_example() {
        let library = format!("{NODE}/src/lib.rs");
        let code = "pub const N: u8 = 1;\n".repeat(40);
        for head in ["", "// Not documentation.\n", "//! Documentation without an example.\n"] {
            let spoil = |it: &mut Workspace| it.write(&library, &format!("{head}{code}"));
            assert_eq!(check_spoiled(spoil), found(&library, Rule::Manifest), "{head}");
        }
    }

    #[test]
    fn a_program_opens_with_documentation() {
        let main = format!("{NODE}/src/main.rs");
        let spoil = |text: &'static str| {
            check_spoiled(|it| {
                it.packages[0].programs = vec![main.clone()];
                it.write(&main, text);
            })
        };
        assert_eq!(spoil("fn main() {}\n"), found(&main, Rule::Manifest));
        assert_eq!(spoil("//! It runs.\nfn main() {}\n"), []);
    }

    #[test]
    fn an_empty_crate_fails() {
        let comment = "// To come.\n\n".repeat(40);
        let text = format!("//! What.\n//! ```\n//! ```\n{comment}pub fn one() {{}}\n");
        let spoil = |it: &mut Workspace| it.write(&format!("{NODE}/src/lib.rs"), &text);
        assert_eq!(check_spoiled(spoil), found(&format!("{NODE}/Cargo.toml"), Rule::EmptyCrate));
    }

    #[test]
    fn the_readme_shows_the_command_that_ci_runs() {
        let spoil = |it: &mut Workspace| it.write("README.md", "Run `cargo test`.\n");
        assert_eq!(check_spoiled(spoil), found("README.md", Rule::Readme));
        assert_eq!(check_spoiled(|it| it.remove("README.md")), found("README.md", Rule::Readme));
    }
}
