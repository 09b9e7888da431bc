//! The command table: every transport runs commands through it.

use std::sync::Arc;

use thiserror::Error;

use crate::{Args, MiCommand, MiNode, MiReply, Spec};

/// The commands of a program, by name.
///
/// Fill it while the program starts, then share it in an [`Arc`]: running a command needs no lock.
/// `which` is part of every table, since only the table knows all names.
#[derive(Default)]
pub struct CommandTable {
    commands: Vec<Arc<dyn MiCommand>>,
}

const WHICH: Spec = Spec::new("which", &[], "Lists the commands");

impl CommandTable {
    /// A table with `which` only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a command after those added before.
    ///
    /// # Errors
    /// When there is a command of that name already.
    pub fn add(&mut self, command: Arc<dyn MiCommand>) -> Result<(), DuplicateCommand> {
        let name = command.spec().name;
        if self.names().any(|other| other == name) {
            return Err(DuplicateCommand { name });
        }
        self.commands.push(command);
        Ok(())
    }

    /// What is known about each command, in the order in which they were added, `which` last.
    pub fn specs(&self) -> impl Iterator<Item = &Spec> {
        self.commands.iter().map(|command| command.spec()).chain([&WHICH])
    }

    /// The names of the commands, in the order of [`CommandTable::specs`].
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.specs().map(|spec| spec.name)
    }

    /// Runs a command.
    ///
    /// # Errors
    /// When there is no command of that name. What goes wrong inside a command is a [`MiReply`].
    pub async fn run(&self, name: &str, args: Args) -> Result<MiReply, UnknownCommand> {
        if name == WHICH.name {
            return Ok(MiReply::ok().with_nodes(self.names().map(MiNode::bare)));
        }
        match self.commands.iter().find(|command| command.spec().name == name) {
            Some(command) => Ok(command.run(args).await),
            None => Err(UnknownCommand { name: name.to_owned() }),
        }
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
    use crate::{block_on, command};

    fn stub(name: &'static str) -> Arc<dyn MiCommand> {
        command(Spec::new(name, &[], "Does nothing"), |_| async { MiReply::ok() })
    }

    #[test]
    fn names_keep_their_order_and_are_unique() {
        let mut table = CommandTable::new();
        table.add(stub("uptime")).unwrap();
        table.add(stub("clusterer_list")).unwrap();
        assert_eq!(table.add(stub("uptime")), Err(DuplicateCommand { name: "uptime" }));
        assert_eq!(table.add(stub("which")), Err(DuplicateCommand { name: "which" }));
        assert_eq!(table.names().collect::<Vec<_>>(), ["uptime", "clusterer_list", "which"]);
    }

    #[test]
    fn runs_by_exact_name() {
        let mut table = CommandTable::new();
        table.add(stub("uptime")).unwrap();
        assert_eq!(block_on(table.run("uptime", Args::none())), Ok(MiReply::ok()));
        let unknown = block_on(table.run("Uptime", Args::none())).unwrap_err();
        assert_eq!(unknown.name, "Uptime");
    }
}
