//! What a registry asks of a crate that is published, and what we ask: one version for all.

use super::{
    Finding, Rule,
    workspace::{Package, Workspace},
};

/// crates.io refuses more.
const MOST_KEYWORDS: usize = 5;
const LONGEST_KEYWORD: usize = 20;

/// What a list of crates shows of a description, on crates.io and in Debian, more or less.
const LONGEST_DESCRIPTION: usize = 120;

/// Those of crates.io's categories that fit a crate of this workspace. It ignores others without a word.
const CATEGORIES: &[&str] = &[
    "algorithms",
    "asynchronous",
    "command-line-utilities",
    "concurrency",
    "config",
    "database",
    "encoding",
    "network-programming",
    "no-std",
    "parser-implementations",
    "simulation",
    "visualization",
    "web-programming",
];

/// What a manifest takes from the workspace. `include` is what an archive holds.
const INHERITED: &[&str] =
    &["authors", "edition", "include", "license", "repository", "rust-version", "version"];

/// What docs.rs is told of a library: these systems only, and everything there is to see.
const DOCS_RS: &str = "[package.metadata.docs.rs]\nall-features = true\n\
                       targets = [\"x86_64-unknown-linux-gnu\"]\n";

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = one_version(workspace);
    for package in workspace.crates().filter(|it| it.published) {
        findings.extend(manifest(workspace, package));
        findings.extend(index(package));
    }
    findings
}

/// The workspace's own lines name the crates' one version, too: a release that forgets one cannot be built.
fn one_version(workspace: &Workspace) -> Vec<Finding> {
    let Some(root) = workspace.file("Cargo.toml") else { return Vec::new() };
    let Some(version) = version(&root.text) else {
        return vec![Finding::new("Cargo.toml", 1, Rule::Version, "names no version for all")];
    };
    let others = (1..).zip(root.text.lines()).filter(|(_, line)| {
        let path = line.starts_with("clusterer") && line.contains("path = \"crates/");
        let named = line.split_once("version = \"").and_then(|(_, rest)| rest.split('"').next());
        path && named.is_some_and(|named| named != version)
    });
    let message = format!("has another version than the workspace, which is {version}");
    let finding = |number| Finding::new("Cargo.toml", number, Rule::Version, message.as_str());
    others.map(|(number, _)| finding(number)).collect()
}

/// The version of all packages, by the root manifest.
pub(super) fn version(manifest: &str) -> Option<&str> {
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.package]");
    let mut lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    lines.find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
}

fn manifest(workspace: &Workspace, package: &Package) -> Vec<Finding> {
    let path = package.manifest();
    let text = workspace.file(&path).map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    for key in INHERITED {
        if !text.lines().any(|line| line == format!("{key}.workspace = true")) {
            let message = format!("does not have `{key}.workspace = true`");
            findings.push(Finding::new(&path, 1, Rule::Manifest, message));
        }
    }
    if package.library.is_some() && !text.contains(DOCS_RS) {
        let message = format!("does not tell docs.rs what the others do: {DOCS_RS:?}");
        findings.push(Finding::new(&path, 1, Rule::Manifest, message));
    }
    findings
}

/// How it is found on crates.io.
fn index(package: &Package) -> Vec<Finding> {
    let mut messages = Vec::new();
    if package.keywords.is_empty() || package.keywords.len() > MOST_KEYWORDS {
        messages.push(format!("has {} keywords: 1 to {MOST_KEYWORDS}", package.keywords.len()));
    }
    let sound = |word: &str| {
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        word.len() <= LONGEST_KEYWORD
            && word.starts_with(|c: char| c.is_ascii_alphanumeric())
            && word.chars().all(inside)
    };
    let bad = package.keywords.iter().filter(|word| !sound(word));
    messages.extend(bad.map(|word| format!("has the keyword `{word}`, which is none")));
    if let Some(description) = &package.description {
        let length = description.chars().count();
        if !(1..=LONGEST_DESCRIPTION).contains(&length) || description.contains('\n') {
            messages.push(format!(
                "has a description of {length} characters: one line of 1 to {LONGEST_DESCRIPTION}"
            ));
        }
    }
    if package.categories.is_empty() {
        messages.push("has no category".to_owned());
    }
    let unknown = package.categories.iter().filter(|it| !CATEGORIES.contains(&it.as_str()));
    messages.extend(unknown.map(|it| {
        format!("has the category `{it}`: if crates.io has that, name it in tidy/publishing.rs")
    }));
    let finding = |message| Finding::new(&package.manifest(), 1, Rule::Manifest, message);
    messages.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "crates/clusterer-node/Cargo.toml";

    fn check_spoiled(spoil: impl FnOnce(&mut Workspace)) -> Vec<String> {
        let mut workspace = Workspace::with_crate("clusterer-node");
        spoil(&mut workspace);
        check(&workspace).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_complete_crate_passes() {
        assert_eq!(check_spoiled(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn a_published_crate_inherits_what_is_the_same_for_all() {
        let without = |it: &mut Workspace| {
            let text = it.file(MANIFEST).unwrap().text.replace("include.workspace = true\n", "");
            it.write(MANIFEST, &text);
        };
        assert_eq!(check_spoiled(without), ["does not have `include.workspace = true`"]);
        let unpublished = |it: &mut Workspace| {
            it.write(MANIFEST, "[package]\n");
            it.packages[0].published = false;
        };
        assert_eq!(check_spoiled(unpublished), Vec::<String>::new());
    }

    #[test]
    fn a_library_tells_docs_rs_the_same_and_a_program_need_not() {
        let without = |it: &mut Workspace| {
            let text = it.file(MANIFEST).unwrap().text.replace(DOCS_RS, "");
            it.write(MANIFEST, &text);
        };
        assert_eq!(check_spoiled(without).len(), 1);
        let program = |it: &mut Workspace| {
            without(it);
            it.packages[0].library = None;
        };
        assert_eq!(check_spoiled(program), Vec::<String>::new());
    }

    #[test]
    fn keywords_categories_and_descriptions_are_such_as_crates_io_takes() {
        let keywords = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            check_spoiled(|it| it.packages[0].keywords = words)
        };
        assert_eq!(keywords(&["a", "b", "c", "d", "twenty-letters-is-it"]), Vec::<String>::new());
        assert_eq!(keywords(&["a", "b", "c", "d", "e", "f"]), ["has 6 keywords: 1 to 5"]);
        assert_eq!(keywords(&[]), ["has 0 keywords: 1 to 5"]);
        for word in ["one-more-than-twenty-", "two words", "-dash", "Capital"] {
            assert_eq!(keywords(&[word]).len(), 1, "{word}");
        }
        let described =
            |text: &str| check_spoiled(|it| it.packages[0].description = Some(text.to_owned()));
        assert_eq!(described(&"ä".repeat(120)), Vec::<String>::new());
        let long = "has a description of 121 characters: one line of 1 to 120";
        assert_eq!(described(&"ä".repeat(121)), [long]);
        assert_eq!(described("two\nlines").len(), 1);
        assert_eq!(described("").len(), 1);
        let category = |it: &mut Workspace| it.packages[0].categories = vec!["voip".to_owned()];
        assert!(check_spoiled(category)[0].contains("`voip`"));
        assert_eq!(check_spoiled(|it| it.packages[0].categories.clear()), ["has no category"]);
    }

    #[test]
    fn all_have_one_version() {
        let root = |version: &str| {
            format!(
                "[workspace.package]\nedition = \"2024\"\nversion = \"0.2.0\"\n\n\
                 [workspace.dependencies]\nanyhow = \"1\"\n\
                 clusterer-node = {{ path = \"crates/clusterer-node\", version = \"{version}\" }}\n"
            )
        };
        assert_eq!(check_spoiled(|it| it.write("Cargo.toml", &root("0.2.0"))), [""; 0]);
        let message = "has another version than the workspace, which is 0.2.0";
        assert_eq!(check_spoiled(|it| it.write("Cargo.toml", &root("0.1.0"))), [message]);
        assert_eq!(check_spoiled(|it| it.write("Cargo.toml", "")), ["names no version for all"]);
    }
}
