//! `clustererctl completions` and `clustererctl man`, made from the command line itself.

use crate::mi;
use clap::{Command, ValueEnum};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::io::{self, Write};
use std::process::ExitCode;

const NAME: &str = "clustererctl";

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}

pub(crate) fn completions(shell: Shell, command: Command) -> anyhow::Result<ExitCode> {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    let command = command.disable_help_subcommand(true);
    let mut command = with_known(command).mut_subcommand("watch", with_known);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut script);
    print(&script)
}

/// The daemon's commands, which the parser does not know: each daemon has its own.
fn with_known(command: Command) -> Command {
    command.subcommands(mi::KNOWN.iter().map(|(name, doc)| Command::new(*name).about(*doc)))
}

/// One page for everything. The help of each subcommand stands there as it is printed.
pub(crate) fn page(command: Command) -> anyhow::Result<ExitCode> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let main = Man::new(command.clone());
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_options_section(&mut page)?;
    let mut sections = Roff::new();
    section(&mut sections, "COMMANDS OF THE DAEMON", mi::HELP);
    subcommands(&mut command, &mut sections);
    sections.to_writer(&mut page)?;
    print(&page)
}

fn subcommands(command: &mut Command, sections: &mut Roff) {
    for command in command.get_subcommands_mut() {
        let help = command.render_long_help().to_string();
        let title = command.get_bin_name().unwrap_or(NAME).to_uppercase();
        section(sections, &title, &help);
        subcommands(command, sections);
    }
}

fn section(sections: &mut Roff, title: &str, text: &str) {
    sections.control("SH", [title]).control("nf", []);
    for line in text.lines() {
        sections.text([roman(line.trim_end())]);
    }
    sections.control("fi", []);
}

fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
