//! The reference of a program's commands, as Markdown.

use std::fmt::Write as _;

use crate::{CommandTable, Param, Presence, Spec};

/// What each command of a table does and takes, a section a command, in order of name. For a file that
/// a test holds against the table.
pub fn reference(table: &CommandTable) -> String {
    let mut specs: Vec<&Spec> = table.specs().collect();
    specs.sort_by_key(|spec| spec.name);
    let mut out = String::new();
    for spec in specs {
        // Writing to a String cannot fail.
        let _ = section(&mut out, spec);
    }
    out
}

fn section(out: &mut String, spec: &Spec) -> std::fmt::Result {
    writeln!(out, "## {}\n", spec.name)?;
    write!(out, "{}.", spec.doc)?;
    if let Some(new_name) = spec.new_name {
        write!(out, " Also called `{new_name}`.")?;
    }
    writeln!(out, "\n")?;
    if spec.params.is_empty() {
        return Ok(());
    }
    writeln!(out, "| parameter | in JSON | may be left out | meaning |\n|---|---|---|---|")?;
    for param in spec.params {
        let Param { name, alias, kind, presence, doc } = param;
        let alias = alias.map(|alias| format!(" or `{alias}`")).unwrap_or_default();
        let left_out = match presence {
            Presence::Optional => "yes".to_owned(),
            Presence::Required => "no".to_owned(),
            Presence::Default(default) => format!("in JSON: `{default}` then"),
        };
        writeln!(out, "| `{name}`{alias} | {} | {left_out} | {doc} |", kind.word())?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MiReply, command};

    #[test]
    fn a_section_a_command() {
        const PARAMS: &[Param] = &[
            Param::required("machine_id", "the machine").int().alias("node_id"),
            Param::required("protocol", "its protocol").or("bin"),
            Param::optional("why", "a word"),
        ];
        let mut table = CommandTable::new();
        let spec = Spec::new("a_set", PARAMS, "Sets it").also("a:set");
        table.add(command(spec, |_| async { MiReply::ok() })).unwrap();
        let text = reference(&table);
        assert!(text.starts_with(
            "## a_set\n\nSets it. Also called `a:set`.\n\n\
             | parameter | in JSON | may be left out | meaning |\n|---|---|---|---|\n\
             | `machine_id` or `node_id` | integer | no | the machine |\n\
             | `protocol` | text | in JSON: `bin` then | its protocol |\n\
             | `why` | text | yes | a word |\n\n## help\n\n"
        ));
        assert!(text.contains("\n## which\n\nLists the commands. Also called `core:which`.\n\n"));
    }
}
