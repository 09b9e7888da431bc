//! Code that a document quotes stands in the file that it names, word by word: so it is built and tested.

use super::{Finding, Rule, workspace::Workspace};

/// In a document, alone on the line before the block: `<!-- from examples/a/src/main.rs -->`.
const BEGIN: &str = "<!-- from ";
const END: &str = " -->";

/// Documents all whose Rust is quoted.
const QUOTING: &[&str] = &["docs/embedding.md"];

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let documents = workspace.files.iter().filter(|file| file.path.ends_with(".md"));
    documents.flat_map(|file| document(workspace, &file.path, &file.text)).collect()
}

fn document(workspace: &Workspace, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |line: usize, message: String| {
        findings.push(Finding::new(path, line, Rule::Quote, message));
    };
    let mut lines = (1..).zip(text.lines());
    let mut source = None;
    while let Some((number, line)) = lines.next() {
        let named = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        if line.starts_with("```") {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let block = block.collect::<Vec<_>>();
            match source {
                Some(source) => {
                    if let Some(message) = departure(workspace, source, &block) {
                        report(number, message);
                    }
                }
                None if line == "```rust" && QUOTING.contains(&path) => {
                    report(number, format!("does not say `{BEGIN}FILE{END}` above"));
                }
                None => {}
            }
        }
        source = named;
    }
    findings
}

/// Where the block departs from the file, if it does.
fn departure(workspace: &Workspace, source: &str, block: &[&str]) -> Option<String> {
    let Some(file) = workspace.file(source) else {
        return Some(format!("quotes `{source}`, which is not there"));
    };
    let lines = file.text.lines().collect::<Vec<_>>();
    let agrees = |from: usize| {
        let lines = lines.get(from..).unwrap_or_default();
        let margin = margin(lines.first().unwrap_or(&""), block.first().unwrap_or(&""));
        let same =
            |(line, quoted): &(&&str, &&str)| line.strip_prefix(margin).unwrap_or(line) == **quoted;
        lines.iter().zip(block).take_while(same).count()
    };
    let best = (0..lines.len()).map(agrees).max().unwrap_or_default();
    let departing = block.get(best)?;
    Some(format!("`{source}` has no such lines; they depart at `{}`", departing.trim()))
}

/// By how much the file's line is indented and the quoted one is not.
fn margin<'a>(line: &'a str, quoted: &str) -> &'a str {
    line.strip_suffix(quoted).filter(|margin| margin.trim().is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str =
        "//! It.\n\nfn main() {\n    one();\n    if two() {\n        three();\n    }\n}\n";

    fn findings(document: &str) -> Vec<String> {
        let mut workspace = Workspace::with_crate("clusterer-node");
        workspace.write("examples/a.rs", SOURCE);
        workspace.write("docs/embedding.md", document);
        check(&workspace).into_iter().map(|finding| finding.message).collect()
    }

    fn quoted(block: &str) -> Vec<String> {
        findings(&format!("# It\n\n<!-- from examples/a.rs -->\n```rust\n{block}```\n"))
    }

    #[test]
    fn lines_of_the_file_pass_with_or_without_their_margin() {
        assert_eq!(quoted(SOURCE), [""; 0]);
        assert_eq!(quoted("    one();\n    if two() {\n"), [""; 0]);
        assert_eq!(quoted("one();\nif two() {\n    three();\n}\n"), [""; 0]);
    }

    #[test]
    fn other_lines_fail_and_the_first_of_them_is_named() {
        for (block, departing) in [
            ("one();\nthree();\n", "three();"),
            ("one();\nif two() {\nthree();\n", "three();"),
            ("fn main() {\n    one();\n    if two() {\n        four();\n", "four();"),
            ("zero();\n", "zero();"),
        ] {
            let expected =
                format!("`examples/a.rs` has no such lines; they depart at `{departing}`");
            assert_eq!(quoted(block), [expected], "{block}");
        }
    }

    #[test]
    fn a_file_that_is_gone_and_code_from_nowhere_fail() {
        let gone = findings("<!-- from examples/b.rs -->\n```rust\none();\n```\n");
        assert_eq!(gone, ["quotes `examples/b.rs`, which is not there"]);
        let nowhere = findings("```rust\none();\n```\n\n```toml\na = 1\n```\n");
        assert_eq!(nowhere, ["does not say `<!-- from FILE -->` above"]);
    }
}
