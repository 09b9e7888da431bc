//! What must not stand in a file.

use super::{
    Finding, Rule,
    layers::{self, Nature},
    rust_text::{code_only, has_word},
    workspace::{File, Package, Workspace},
};

/// A file that is longer holds more than one noun.
const MOST_LINES: usize = 500;

/// Words that no code may hold.
struct Ban {
    rule: Rule,
    words: &'static [&'static str],
    /// Where it holds, given the crate whose `src` holds the file, if one does.
    applies: fn(Option<&Package>) -> bool,
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        rule: Rule::Unfinished,
        words: &["todo!", "unimplemented!", "dbg!"],
        applies: |_| true,
        why: "finish it, or leave it out",
    },
    Ban {
        rule: Rule::Unfinished,
        words: &["dead_code"],
        applies: |_| true,
        why: "what nobody calls is deleted, not excused",
    },
    Ban {
        rule: Rule::Unfinished,
        words: &["#[ignore"],
        applies: |_| true,
        why: "a test that cannot run here says so: CONTRIBUTING.md, \"Skips\"",
    },
    Ban {
        rule: Rule::Unsafe,
        words: &["unsafe"],
        applies: |package| package.is_some(),
        why: "no crate here needs it",
    },
    Ban {
        rule: Rule::Sleep,
        words: &["sleep("],
        applies: |package| package.is_some(),
        why: "wait for the event or the deadline itself",
    },
    Ban {
        rule: Rule::Print,
        words: &["println!", "eprintln!", "print!", "eprint!"],
        applies: |package| package.is_some_and(is_library),
        why: "a library does not own the terminal: return it, or use `tracing`",
    },
];

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &workspace.files {
        findings.extend(trailing_space(file));
        if file.is_rust() {
            findings.extend(rust_file(file, workspace.crate_of_source(file)));
        }
    }
    for package in workspace.crates().filter(|it| layers::nature(it) == Some(Nature::Pure)) {
        findings.extend(pure_root(workspace, package));
    }
    findings
}

fn trailing_space(file: &File) -> Vec<Finding> {
    let lines = (1..).zip(file.text.split('\n'));
    let trailing = lines.filter(|(_, line)| line.ends_with(char::is_whitespace));
    let finding = |(number, _)| {
        Finding::new(&file.path, number, Rule::TrailingSpace, "whitespace at the end of the line")
    };
    trailing.map(finding).collect()
}

fn rust_file(file: &File, package: Option<&Package>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let code = code_only(&file.text);
    for (number, line) in (1..).zip(code.lines()) {
        for ban in BANS.iter().filter(|ban| (ban.applies)(package)) {
            for word in ban.words.iter().filter(|word| has_word(line, word)) {
                let message = format!("`{word}`: {}", ban.why);
                findings.push(Finding::new(&file.path, number, ban.rule, message));
            }
        }
    }
    if let Some(package) = package {
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            let message = format!("{lines} lines, {MOST_LINES} at most: one noun a file");
            findings.push(Finding::new(&file.path, lines, Rule::LongFile, message));
        }
        if layers::nature(package) == Some(Nature::Pure) {
            findings.extend(std_outside_tests(file, &code));
        }
    }
    findings
}

/// The compiler keeps clocks, sockets and threads out of a crate, as long as these lines are there.
fn pure_root(workspace: &Workspace, package: &Package) -> Vec<Finding> {
    let path = package.library.clone().unwrap_or_else(|| package.manifest());
    let code = workspace.file(&path).map(|file| code_only(&file.text)).unwrap_or_default();
    ["#![no_std]", "#![forbid(unsafe_code)]"]
        .iter()
        .filter(|attribute| !code.lines().any(|line| line.trim() == **attribute))
        .map(|attribute| {
            let message = format!("`{}` is pure and lacks `{attribute}`", package.name);
            Finding::new(&path, 1, Rule::Pure, message)
        })
        .collect()
}

fn std_outside_tests(file: &File, code: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut previous = "";
    for (number, line) in (1..).zip(code.lines().map(str::trim)) {
        if has_word(line, "extern crate std") && previous != "#[cfg(test)]" {
            let message = "`extern crate std` outside `#[cfg(test)]`";
            findings.push(Finding::new(&file.path, number, Rule::Pure, message));
        }
        if !line.is_empty() {
            previous = line;
        }
    }
    findings
}

fn is_library(package: &Package) -> bool {
    layers::nature(package) != Some(Nature::Program)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules and lines that `text` breaks as a file of the crate.
    fn check_file(name: &str, path: &str, text: &str) -> Vec<(Rule, usize)> {
        let mut workspace = Workspace::with_crate(name);
        workspace.write(path, text);
        check(&workspace).into_iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    fn check_source(text: &str) -> Vec<(Rule, usize)> {
        check_file("clusterer-net", "crates/clusterer-net/src/link.rs", text)
    }

    #[test]
    fn ordinary_code_passes() {
        let text = "//! `todo!` is forbidden.\n\nfn wait() {\n    log(\"println!(todo!())\");\n}\n";
        assert_eq!(check_source(text), []);
    }

    #[test]
    fn unfinished_code_fails_everywhere() {
        for code in [
            "todo!()",
            "unimplemented!(\"x\")",
            "dbg!(1)",
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[allow(dead_code)]",
            "#![allow(unused, dead_code)]",
            "#[expect(dead_code, reason = \"x\")]",
        ] {
            let text = format!("fn a() {{\n{code}\n}}\n");
            assert_eq!(check_source(&text), [(Rule::Unfinished, 2)], "{code}");
            let test = check_file("clusterer-net", "tests/e2e/main.rs", &text);
            assert_eq!(test, [(Rule::Unfinished, 2)], "{code}");
        }
    }

    #[test]
    fn a_sleep_fails_in_the_product_only() {
        for code in ["std::thread::sleep(x);", "tokio::time::sleep(x).await;", "sleep(x);"] {
            assert_eq!(check_source(code), [(Rule::Sleep, 1)], "{code}");
            let test = check_file("clusterer-net", "crates/clusterer-net/tests/a.rs", code);
            assert_eq!(test, [], "{code}");
        }
        assert_eq!(check_source("clock.sleep_until(x);"), []);
    }

    #[test]
    fn unsafe_code_fails_in_the_product_only() {
        assert_eq!(check_source("unsafe { a() }\n"), [(Rule::Unsafe, 1)]);
        let allocator = check_file("clusterer-bin", "crates/clusterer-bin/tests/a.rs", "unsafe {}");
        assert_eq!(allocator, []);
    }

    #[test]
    fn printing_fails_in_a_library_and_passes_in_a_program() {
        for code in ["println!(\"a\");", "eprintln!(\"a\");", "print!(\"a\");", "eprint!(\"a\");"] {
            assert_eq!(check_source(code), [(Rule::Print, 1)], "{code}");
            let program = check_file("clustererctl", "crates/clustererctl/src/main.rs", code);
            assert_eq!(program, [], "{code}");
        }
    }

    #[test]
    fn a_file_may_have_500_lines_and_no_more() {
        assert_eq!(check_source(&"fn a() {}\n".repeat(MOST_LINES)), []);
        let long = "fn a() {}\n".repeat(MOST_LINES + 1);
        assert_eq!(check_source(&long), [(Rule::LongFile, MOST_LINES + 1)]);
    }

    #[test]
    fn whitespace_at_the_end_of_a_line_fails_in_every_text() {
        for path in ["crates/clusterer-net/src/a.rs", "docs/a.md", "deny.toml", ".ci/run"] {
            assert_eq!(check_file("clusterer-net", path, "a\nb\n"), [], "{path}");
            let spaced = check_file("clusterer-net", path, "a\nb \n");
            assert_eq!(spaced, [(Rule::TrailingSpace, 2)], "{path}");
            let carriage = check_file("clusterer-net", path, "a\r\n");
            assert_eq!(carriage, [(Rule::TrailingSpace, 1)], "{path}");
        }
    }

    #[test]
    fn a_pure_crate_says_so_to_the_compiler() {
        let path = "crates/clusterer-node/src/lib.rs";
        let check = |text: &str| check_file("clusterer-node", path, text);
        assert_eq!(check("#![no_std]\n#![forbid(unsafe_code)]\n"), []);
        assert_eq!(check("#![forbid(unsafe_code)]\n"), [(Rule::Pure, 1)]);
        assert_eq!(check("#![no_std]\n#![deny(unsafe_code)]\n"), [(Rule::Pure, 1)]);
        assert_eq!(check("// #![no_std]\n#![forbid(unsafe_code)]\n"), [(Rule::Pure, 1)]);
        let conditional = "#![cfg_attr(not(test), no_std)]\n#![forbid(unsafe_code)]\n";
        assert_eq!(check(conditional), [(Rule::Pure, 1)]);
    }

    #[test]
    fn a_pure_crate_lets_std_into_its_tests_only() {
        let path = "crates/clusterer-node/src/id.rs";
        let check = |text: &str| check_file("clusterer-node", path, text);
        assert_eq!(check("#[cfg(test)]\nextern crate std;\n"), []);
        assert_eq!(check("extern crate std;\n"), [(Rule::Pure, 1)]);
        let feature = "#[cfg(feature = \"std\")]\nextern crate std;\n";
        assert_eq!(check(feature), [(Rule::Pure, 2)]);
        assert_eq!(check_source("extern crate std;\n"), [], "not a pure crate");
    }
}
