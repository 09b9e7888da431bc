//! Which daemon, and how to talk to it.

use crate::failure::Failure;
use clusterer_mi::{Client, Target, Token};
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Stand for `--mi` and `--token-file`.
const TARGET: &str = "CLUSTERERCTL_MI";
const TOKEN_FILE: &str = "CLUSTERERCTL_TOKEN_FILE";

#[derive(clap::Args)]
pub(crate) struct Args {
    // No doc comment: a bare URL is none there.
    #[arg(
        long,
        value_name = "WHERE",
        help = "Where the daemon takes commands: fifo:PATH, unix:PATH, udp:HOST:PORT or http://HOST:PORT/mi"
    )]
    // Not parsed by clap, which would print it, and a password in it, when it is wrong.
    mi: Option<String>,
    /// Where replies over a FIFO (the daemon's `reply_dir`) or a Unix socket arrive [default: /tmp/]
    #[arg(long, value_name = "DIR")]
    reply_dir: Option<PathBuf>,
    /// How long to wait for the answer [default: 35, for watch 5]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: Option<u32>,
    /// A file that holds the token which the daemon wants over HTTP
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print the result as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Speak the text form of OpenSIPS 2.x, over a FIFO or a datagram socket
    #[arg(long)]
    pub(super) text: bool,
}

impl Args {
    /// For commands that no daemon runs.
    ///
    /// # Errors
    /// An option that would do nothing.
    pub(crate) fn check_absent(&self) -> anyhow::Result<()> {
        let Self { mi, reply_dir, timeout, token_file, json, text } = self;
        let options = [
            ("--mi", mi.is_some()),
            ("--reply-dir", reply_dir.is_some()),
            ("--timeout", timeout.is_some()),
            ("--token-file", token_file.is_some()),
            ("--json", *json),
            ("--text", *text),
        ];
        match options.iter().find(|(_, is_there)| *is_there) {
            Some((option, _)) => Err(Failure::usage(format!(
                "{option} before the command is for commands that the daemon runs"
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn target(&self) -> anyhow::Result<Target> {
        let (source, text) = match &self.mi {
            Some(text) => ("--mi", text.clone()),
            None => (TARGET, env::var(TARGET).map_err(|_| nowhere())?),
        };
        Target::parse(&text).map_err(|error| Failure::usage(format!("{source}: {error}")))
    }

    /// By default we wait longer than the daemon gives a command and its reply, so that it has the last
    /// word on a command that hangs.
    pub(super) fn client(&self, target: Target, patience: Option<u32>) -> anyhow::Result<Client> {
        let token = self.token(&target)?;
        let timeout = self.timeout.or(patience).unwrap_or(35);
        let mut client = Client::new(target).timeout(Duration::from_secs(timeout.into()));
        if let Some(reply_dir) = &self.reply_dir {
            client = client.reply_dir(reply_dir);
        }
        if let Some(token) = token {
            client = client.token(token);
        }
        Ok(client)
    }

    /// A token in the environment may be meant for another call, one on the command line is not.
    fn token(&self, target: &Target) -> anyhow::Result<Option<Token>> {
        let file = match &self.token_file {
            Some(_) if !target.is_http() => {
                return Err(Failure::usage(
                    "--token-file is for http: elsewhere the permissions of the FIFO or socket decide",
                ));
            }
            Some(file) => Some(file.clone()),
            None if target.is_http() => env::var_os(TOKEN_FILE).map(PathBuf::from),
            None => None,
        };
        file.as_deref().map(read_token).transpose()
    }
}

fn read_token(file: &Path) -> anyhow::Result<Token> {
    Token::read(file).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn nowhere() -> anyhow::Error {
    Failure::usage(format!(
        "say where the daemon takes commands: --mi fifo:PATH (its fifo_name), unix:PATH, udp:HOST:PORT or \
         http://HOST:PORT/mi, before the command, or {TARGET} in the environment"
    ))
}
