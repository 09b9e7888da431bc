//! Every published library has a project of its own in tests/embed, which `cargo xtask embed` builds.

use super::{Finding, Rule, rust_text, workspace::Workspace};

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let libraries = workspace.crates().filter(|it| it.published && it.library.is_some());
    let names = libraries.map(|package| package.name.as_str()).collect::<Vec<_>>();
    let mut findings = names.iter().flat_map(|name| project(workspace, name)).collect::<Vec<_>>();

    let manifests = workspace.files.iter().filter_map(|file| {
        let project = file.path.strip_prefix("tests/embed/")?.strip_suffix("/Cargo.toml")?;
        (!names.contains(&project)).then_some(file)
    });
    findings.extend(manifests.map(|file| {
        Finding::new(&file.path, 1, Rule::Embed, "embeds no published library of this workspace")
    }));
    findings
}

fn project(workspace: &Workspace, name: &str) -> Vec<Finding> {
    let manifest_path = format!("tests/embed/{name}/Cargo.toml");
    let main_path = format!("tests/embed/{name}/src/main.rs");
    let mut findings = Vec::new();
    let mut report = |path: &str, message: String| {
        findings.push(Finding::new(path, 1, Rule::Embed, message));
    };

    match workspace.file(&manifest_path) {
        None => report(&manifest_path, format!("`{name}` has no project that embeds it")),
        Some(manifest) => {
            let path = format!("path = \"../../../crates/{name}\"");
            let alone = |line: &str| {
                line.starts_with(&format!("{name} ="))
                    && line.contains(&path)
                    && line.contains("default-features = false")
            };
            if !manifest.text.lines().any(alone) {
                let wanted = format!("{name} = {{ {path}, default-features = false }}");
                report(&manifest_path, format!("must depend by `{wanted}`"));
            }
        }
    }
    let identifier = name.replace('-', "_");
    let used = workspace.file(&main_path).is_some_and(|main| {
        let code = rust_text::code_only(&main.text);
        code.lines().any(|line| rust_text::has_word(line, &identifier))
    });
    if !used {
        report(&main_path, format!("does not use `{identifier}`"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "tests/embed/clusterer-bin/Cargo.toml";
    const MAIN: &str = "tests/embed/clusterer-bin/src/main.rs";

    fn check_spoiled(spoil: impl FnOnce(&mut Workspace)) -> Vec<String> {
        let mut workspace = Workspace::with_crate("clusterer-bin");
        spoil(&mut workspace);
        check(&workspace).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_library_with_its_project_passes() {
        assert!(check_spoiled(|_| ()).is_empty());
    }

    #[test]
    fn a_library_without_a_project_fails() {
        let without = |it: &mut Workspace| {
            it.remove(MANIFEST);
            it.remove(MAIN);
        };
        assert_eq!(check_spoiled(without), [MANIFEST, MAIN]);
    }

    #[test]
    fn neither_a_program_nor_an_unpublished_crate_needs_one() {
        let program = |it: &mut Workspace| {
            it.remove(MANIFEST);
            it.remove(MAIN);
            it.packages[0].library = None;
        };
        assert!(check_spoiled(program).is_empty());
        let unpublished = |it: &mut Workspace| {
            it.remove(MANIFEST);
            it.remove(MAIN);
            it.packages[0].published = false;
        };
        assert!(check_spoiled(unpublished).is_empty());
    }

    #[test]
    fn a_project_must_depend_by_path_without_defaults() {
        for line in [
            "clusterer-bin = { path = \"../../../crates/clusterer-bin\" }\n",
            "clusterer-bin = { version = \"0.1\", default-features = false }\n",
            "clusterer = { path = \"../../../crates/clusterer\", default-features = false }\n",
        ] {
            assert_eq!(check_spoiled(|it| it.write(MANIFEST, line)), [MANIFEST], "{line}");
        }
    }

    #[test]
    fn a_project_must_use_its_library() {
        for text in ["fn main() {}\n", "// clusterer_bin\nfn main() {}\n"] {
            assert_eq!(check_spoiled(|it| it.write(MAIN, text)), [MAIN], "{text}");
        }
    }

    #[test]
    fn a_project_whose_library_is_gone_fails() {
        let stale = "tests/embed/clusterer-gone/Cargo.toml";
        assert_eq!(check_spoiled(|it| it.write(stale, "[package]\n")), [stale]);
    }
}
