//! The model that the rules judge: packages as cargo sees them, files as text.

/// All there is to judge.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) packages: Vec<Package>,
    pub(super) files: Vec<File>,
}

/// One member of the workspace.
#[derive(Clone, Debug, Default)]
pub(super) struct Package {
    pub(super) name: String,
    /// Where it lives, seen from the root: `crates/clusterer-node`.
    pub(super) directory: String,
    pub(super) published: bool,
    pub(super) description: Option<String>,
    pub(super) license: Option<String>,
    pub(super) keywords: Vec<String>,
    pub(super) categories: Vec<String>,
    /// Path of the library's root, if there is a library.
    pub(super) library: Option<String>,
    /// Paths of the roots of the programs.
    pub(super) programs: Vec<String>,
    pub(super) dependencies: Vec<Dependency>,
}

/// One line of a `[dependencies]` table.
#[derive(Clone, Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

/// A text file, its path seen from the root, with slashes.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

impl Workspace {
    pub(super) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The members that are part of the product: everything in `crates`.
    pub(super) fn crates(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.directory.starts_with("crates/"))
    }

    /// The package whose `src` holds this file.
    pub(super) fn crate_of_source(&self, file: &File) -> Option<&Package> {
        self.crates().find(|package| package.holds_source(file))
    }

    /// The Rust files of a crate's `src`.
    pub(super) fn sources(&self, package: &Package) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| package.holds_source(file))
    }
}

impl Package {
    pub(super) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.directory)
    }

    fn holds_source(&self, file: &File) -> bool {
        let inside = file.path.strip_prefix(&self.directory);
        file.is_rust() && inside.is_some_and(|path| path.starts_with("/src/"))
    }
}

impl File {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Where `word` begins a line, counted from 1; the first line if it does nowhere.
    pub(super) fn line_beginning_with(&self, word: &str) -> usize {
        let found = self.text.lines().position(|line| {
            let rest = line.trim_start().strip_prefix(word);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        });
        found.map_or(1, |index| index + 1)
    }
}

/// Builders of small workspaces, clean until a test spoils them.
#[cfg(test)]
impl Workspace {
    pub(super) fn with_crate(name: &str) -> Workspace {
        let mut workspace = Workspace::default();
        workspace.write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n");
        workspace.write("README.md", "    cargo xtask demo\n    cargo xtask test\n");
        workspace.add_crate(name);
        workspace
    }

    pub(super) fn add_crate(&mut self, name: &str) -> &mut Package {
        let directory = format!("crates/{name}");
        let library = format!("{directory}/src/lib.rs");
        let inherited = ["authors", "edition", "include", "license", "repository", "rust-version"];
        let inherited = inherited.map(|key| format!("{key}.workspace = true\n")).concat();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion.workspace = true\n{inherited}\n[lints]\n\
             workspace = true\n\n[package.metadata.docs.rs]\nall-features = true\n\
             targets = [\"x86_64-unknown-linux-gnu\"]\n"
        );
        self.write(&format!("{directory}/Cargo.toml"), &manifest);
        self.write(&format!("{directory}/README.md"), "# It\n\nWhat.\n\nHow.\n\nThreads.\n\nNo.\n");
        let code = (0..40).map(|n| format!("pub const N{n}: u8 = {n};\n")).collect::<String>();
        let head = "//! What it does.\n//!\n//! ```\n//! let a = 1;\n//! ```\n\n#![no_std]\n\
                    #![forbid(unsafe_code)]\n";
        self.write(&library, &format!("{head}\n{code}"));

        let project = format!("tests/embed/{name}");
        let dependency = format!(
            "[dependencies]\n{name} = {{ path = \"../../../crates/{name}\", default-features = \
             false }}\n"
        );
        self.write(&format!("{project}/Cargo.toml"), &dependency);
        let main = format!("fn main() {{ {}::N1; }}\n", name.replace('-', "_"));
        self.write(&format!("{project}/src/main.rs"), &main);

        self.packages.push(Package {
            name: name.to_owned(),
            directory,
            published: true,
            description: Some("It does".to_owned()),
            license: Some("MIT OR Apache-2.0".to_owned()),
            keywords: vec!["voip".to_owned()],
            categories: vec!["network-programming".to_owned()],
            library: Some(library),
            ..Package::default()
        });
        self.packages.last_mut().expect("it was just pushed")
    }

    /// Adds the file, or replaces it.
    pub(super) fn write(&mut self, path: &str, text: &str) {
        self.remove(path);
        self.files.push(File { path: path.to_owned(), text: text.to_owned() });
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.files.retain(|file| file.path != path);
    }
}

#[cfg(test)]
impl Package {
    pub(super) fn uses(&mut self, kind: Kind, names: &[&str]) {
        let dependencies = names.iter().map(|name| (*name).to_owned());
        self.dependencies.extend(dependencies.map(|name| Dependency {
            name,
            kind,
            optional: false,
        }));
    }
}
