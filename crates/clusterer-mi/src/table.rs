//! The command table: every transport runs commands through it.

use std::sync::Arc;

use metrics::Counter;
use thiserror::Error;

use crate::requests::{self, Outcomes};
use crate::{ArgError, Args, MiCommand, MiData, MiNode, MiReply, Param, Presence, Spec};

/// The commands of a program, by name.
///
/// Fill it while the program starts, then share it in an [`Arc`]: running a command needs no lock.
/// `help` and `which` are part of every table, since only the table knows all names.
///
/// Requests are counted by command and outcome, by the `metrics` recorder that is installed when the table is
/// made: see [`describe_metrics`](crate::describe_metrics).
pub struct CommandTable {
    commands: Vec<Known>,
    help: Outcomes,
    which: Outcomes,
    other: Counter,
}

struct Known {
    command: Arc<dyn MiCommand>,
    outcomes: Outcomes,
}

const HELP: Spec = Spec::new(
    "help",
    &[Param::required("command", "the command's name, old or new").alias("mi_cmd")],
    "Tells what a command does and what it takes",
)
.also("core:help");
const WHICH: Spec = Spec::new("which", &[], "Lists the commands").also("core:which");

impl CommandTable {
    /// A table with `help` and `which` only.
    pub fn new() -> Self {
        Self {
            commands: Vec::new(),
            help: Outcomes::of(HELP.name),
            which: Outcomes::of(WHICH.name),
            other: requests::other(),
        }
    }

    /// Adds a command after those added before.
    ///
    /// # Errors
    /// When there is a command of that name already, or of its new name.
    pub fn add(&mut self, command: Arc<dyn MiCommand>) -> Result<(), DuplicateCommand> {
        for name in command.spec().names() {
            if self.spec(name).is_some() {
                return Err(DuplicateCommand { name });
            }
        }
        let outcomes = Outcomes::of(command.spec().name);
        self.commands.push(Known { command, outcomes });
        Ok(())
    }

    /// What is known about each command, in the order in which they were added, `help` and `which` last.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.commands.iter().map(|known| known.command.spec()).chain([&HELP, &WHICH])
    }

    /// What is known about the command that has this name, old or new.
    pub fn spec(&self, name: &str) -> Option<&Spec> {
        self.specs().find(|spec| spec.is_called(name))
    }

    /// The names of the commands, in the order of [`CommandTable::specs`].
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.specs().map(|spec| spec.name)
    }

    /// Runs the command that has this name, old or new.
    ///
    /// # Errors
    /// When there is no command of that name. What goes wrong inside a command is a [`MiReply`].
    pub async fn run(&self, name: &str, args: Args) -> Result<MiReply, UnknownCommand> {
        if let Some(known) = self.known(name) {
            let running = known.outcomes.begin();
            let reply = known.command.run(args).await;
            running.ended(&reply);
            return Ok(reply);
        }
        let (outcomes, reply) = if HELP.is_called(name) {
            (&self.help, self.help(&args).unwrap_or_else(MiReply::from))
        } else if WHICH.is_called(name) {
            (&self.which, self.which())
        } else {
            self.note_other();
            return Err(UnknownCommand { name: name.to_owned() });
        };
        outcomes.begin().ended(&reply);
        Ok(reply)
    }

    /// A request that is no command's is counted. For those who find that out before they run one.
    pub(crate) fn note_other(&self) {
        self.other.increment(1);
    }

    /// A request whose parameters are none of the command's is counted.
    #[cfg(feature = "json")]
    pub(crate) fn note_refused(&self, spec: &Spec) {
        let known = self.known(spec.name).map(|known| &known.outcomes);
        let own = if spec.name == WHICH.name { &self.which } else { &self.help };
        known.unwrap_or(own).refused();
    }

    fn known(&self, name: &str) -> Option<&Known> {
        self.commands.iter().find(|known| known.command.spec().is_called(name))
    }

    /// Old scripts see the old names. Clients of 4.0 look up there whatever they are about to call.
    fn which(&self) -> MiReply {
        MiReply::ok()
            .with_nodes(self.names().map(MiNode::bare))
            .with_data(MiData::list(self.specs().flat_map(Spec::names)))
    }

    fn help(&self, args: &Args) -> Result<MiReply, ArgError> {
        let name = args.required(0)?;
        let Some(spec) = self.spec(name) else {
            return Ok(MiReply::error(404, "Command not found"));
        };
        let params = spec.params.iter().map(|param| {
            MiNode::new("Parameter", param.name)
                .with_attribute("Presence", param.presence.word())
                .with_attribute("Meaning", param.doc)
        });
        let data = MiData::object([
            ("Help", MiData::from(spec.doc)),
            ("Names", MiData::list(spec.names())),
            ("Parameters", MiData::List(spec.params.iter().map(describe).collect())),
        ]);
        let help = MiNode::new("Help", spec.doc);
        Ok(MiReply::ok().with_node(help).with_nodes(params).with_data(data))
    }
}

/// As JSON takes it: see [`Presence::Default`].
fn describe(param: &Param) -> MiData {
    let (presence, default) = match param.presence {
        Presence::Default(default) => (Presence::Optional, Some(default)),
        presence => (presence, None),
    };
    MiData::object([
        ("name", MiData::from(param.name)),
        ("alias", param.alias.into()),
        ("kind", param.kind.word().into()),
        ("presence", presence.word().into()),
        ("default", default.into()),
        ("meaning", param.doc.into()),
    ])
}

impl Default for CommandTable {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for CommandTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Two commands want one name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is a command named {name:?} already: commands need names of their own")]
pub struct DuplicateCommand {
    /// The name.
    pub name: &'static str,
}

/// There is no such command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no command {name:?}: `which` lists those there are")]
pub struct UnknownCommand {
    /// The name that was asked for, as the client wrote it.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{block_on, command, render_text};

    fn stub(name: &'static str) -> Arc<dyn MiCommand> {
        command(Spec::new(name, &[], "Does nothing"), |_| async { MiReply::ok() })
    }

    #[test]
    fn names_keep_their_order_and_are_unique() {
        let mut table = CommandTable::new();
        table.add(stub("uptime")).unwrap();
        table.add(stub("clusterer_list")).unwrap();
        for taken in ["uptime", "which", "core:which", "help"] {
            assert_eq!(table.add(stub(taken)), Err(DuplicateCommand { name: taken }));
        }
        let renamed = command(Spec::new("up", &[], "").also("uptime"), |_| async { MiReply::ok() });
        assert_eq!(table.add(renamed), Err(DuplicateCommand { name: "uptime" }));
        assert_eq!(
            table.names().collect::<Vec<_>>(),
            ["uptime", "clusterer_list", "help", "which"]
        );
    }

    #[test]
    fn runs_by_exact_name_old_or_new() {
        let mut table = CommandTable::new();
        let spec = Spec::new("uptime", &[], "Does nothing").also("core:uptime");
        table.add(command(spec, |_| async { MiReply::ok() })).unwrap();
        assert_eq!(block_on(table.run("uptime", Args::none())), Ok(MiReply::ok()));
        assert_eq!(block_on(table.run("core:uptime", Args::none())), Ok(MiReply::ok()));
        let unknown = block_on(table.run("Uptime", Args::none())).unwrap_err();
        assert_eq!(unknown.name, "Uptime");
    }

    #[test]
    fn which_has_both_names_in_json_and_the_old_ones_as_text() {
        let mut table = CommandTable::new();
        table
            .add(command(Spec::new("a", &[], "").also("m:a"), |_| async { MiReply::ok() }))
            .unwrap();
        let reply = block_on(table.run("which", Args::none())).unwrap();
        assert_eq!(render_text("which", &reply), "200 OK\na\nhelp\nwhich\n\n");
        let MiReply::Answer { data: Some(data), .. } = reply else { panic!("{reply:?}") };
        let names = r#"["a","m:a","help","core:help","which","core:which"]"#;
        assert_eq!(data.to_string(), names);
    }

    #[test]
    fn help_tells_what_json_may_leave_out() {
        const PARAMS: &[Param] = &[Param::required("protocol", "its protocol").or("bin")];
        let mut table = CommandTable::new();
        let set = Spec::new("set", PARAMS, "Sets");
        table.add(command(set, |_| async { MiReply::ok() })).unwrap();
        let reply = block_on(table.run("help", Args::positional(["set"]))).unwrap();
        let text = render_text("help", &reply);
        assert!(text.contains("Parameter:: protocol Presence=required"), "{text}");
        let MiReply::Answer { data: Some(data), .. } = reply else { panic!("{reply:?}") };
        let json = data.to_string();
        assert!(json.contains(r#""presence":"optional","default":"bin""#), "{json}");
    }

    #[test]
    fn help_tells_what_a_command_takes() {
        let table = CommandTable::new();
        let help = |name: &str| {
            let reply = block_on(table.run("help", Args::positional([name]))).unwrap();
            render_text("help", &reply)
        };
        assert_eq!(
            help("core:help"),
            "200 OK\nHelp:: Tells what a command does and what it takes\n\
             Parameter:: command Presence=required Meaning=the command's name, old or new\n\n"
        );
        assert_eq!(help("nope"), "404 Command not found\n\n");
        assert_eq!(help(""), "400 Too few or too many arguments\n\n");
    }
}
