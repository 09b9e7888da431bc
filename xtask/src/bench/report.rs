//! `docs/performance.md`: prose written by hand, and between markers what was measured last.

use super::{Section, machine};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

const DOCUMENT: &str = "docs/performance.md";

/// Puts each section between its markers.
pub(crate) fn write(root: &Path, sections: &[Section]) -> Result<()> {
    let path = root.join(DOCUMENT);
    let mut text = fs::read_to_string(&path).with_context(|| DOCUMENT.to_owned())?;
    let machine = machine::describe(root)?;
    for Section { name, markdown, .. } in sections {
        let body = format!("`cargo xtask bench --{name}`: {machine}.\n\n{markdown}");
        text = replace(&text, name, &body)
            .with_context(|| format!("{DOCUMENT} has no place for {name}: {}", begin(name)))?;
    }
    fs::write(&path, text)?;
    println!("bench: {DOCUMENT} is written");
    Ok(())
}

fn begin(name: &str) -> String {
    format!("<!-- bench {name} -->\n")
}

fn end(name: &str) -> String {
    format!("<!-- end of bench {name} -->\n")
}

/// The text with what is between the two markers replaced; `None` if it has not both.
fn replace(text: &str, name: &str, body: &str) -> Option<String> {
    let (before, rest) = text.split_once(&begin(name))?;
    let (_, after) = rest.split_once(&end(name))?;
    Some([before, &begin(name), "\n", body, "\n", &end(name), after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_of_that_name_is_replaced() {
        let text = "a\n<!-- bench x -->\nold\n<!-- end of bench x -->\nb\n";
        let new = "a\n<!-- bench x -->\n\nnew\n\n<!-- end of bench x -->\nb\n";
        assert_eq!(replace(text, "x", "new\n").as_deref(), Some(new));
        assert_eq!(replace(new, "x", "new\n").as_deref(), Some(new));
        assert_eq!(replace(text, "y", "new\n"), None);
    }

    #[test]
    fn the_document_has_a_place_for_everything() {
        let text = fs::read_to_string(crate::shell::repository().join(DOCUMENT)).unwrap();
        let loads = crate::bench::Options::LOADS.map(|(name, _)| name);
        for name in loads.into_iter().chain(["counts", "codecs"]) {
            assert!(replace(&text, name, "").is_some(), "{name}");
        }
    }
}
