//! The reference of all keys, rendered from their table: what `clustererd config-reference` prints, and
//! what `docs/configuration.md` holds (`UPDATE_EXPECT=1 cargo test -p clustererd` writes it).

use super::key::Entry;
use super::keys::{KEYS, SECTIONS};
use super::values::effect;
use std::fmt::{self, Write};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the table of keys in crates/clustererd/src/config/keys.rs.
     UPDATE_EXPECT=1 cargo test -p clustererd writes it anew. -->

`clustererd` reads one TOML file, before it starts anything. `clustererd check-config --config FILE`
reads it the same way, connects nowhere, and prints `FILE: ok`.

- A part without a section is off. A key that is not written has its default.
- What is wrong is one line, `FILE:LINE:COLUMN: KEY: what is wrong, what was expected`; the exit code
  is 2. An unknown key is an error. The text of a string is never repeated, as it may hold a password.
- `${NAME}` in a string stands for the environment variable of that name, which must be set. There is
  no other syntax: a `$` elsewhere is a dollar sign, and what a variable holds is not looked at again.
  Where an integer or a boolean is expected, `\"${NAME}\"` may stand for it.
- A duration is a string of a whole number and a unit: `\"500ms\"`, `\"1s\"`, `\"2m\"`, `\"1h\"`.
- Everything listens on loopback or on what is written.
- At SIGHUP (`systemctl reload clusterer`) the file is read again, and then the table of nodes. A change that is
  `live` takes effect then. One that takes a `restart`, as does a section that comes or goes, is named in the log
  and has no effect until then. A file that is wrong changes nothing; the log says where.

The nodes A and B of the OpenSIPS manual: [node-a.toml](examples/node-a.toml),
[node-b.toml](examples/node-b.toml).
";

/// The reference, in Markdown.
pub(crate) fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    // Writing to a String cannot fail.
    let _ = render(&mut text);
    text
}

fn render(text: &mut String) -> fmt::Result {
    for section in SECTIONS {
        write!(text, "\n## `[{}]`\n\n{}\n", section.path, section.meaning)?;
        let keys: Vec<_> = KEYS.iter().filter(|key| key.section() == section.path).collect();
        if keys.is_empty() {
            continue;
        }
        text.push_str("\n| key | value | default | a change | |\n|---|---|---|---|---|\n");
        for key in keys {
            row(text, *key)?;
        }
    }
    Ok(())
}

fn row(text: &mut String, key: &dyn Entry) -> fmt::Result {
    let kind = key.kind();
    let default = match kind.default_toml() {
        Some(default) => format!("`{default}`"),
        None if kind.is_optional() => "none".to_owned(),
        None => "required".to_owned(),
    };
    let (name, expected, meaning) = (key.name(), kind.expected(), key.meaning());
    let effect = effect(key.path());
    writeln!(text, "| `{name}` | {expected} | {default} | {effect} | {meaning} |")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    #[test]
    fn docs_are_current() {
        expect_file!["../../../../docs/configuration.md"].assert_eq(&reference());
    }
}
