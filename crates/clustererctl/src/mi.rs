//! `clustererctl COMMAND`: a management command, run by a daemon.
//!
//! Which commands there are is for the daemon to say.

mod known;
mod nodes;
mod options;
mod render;
mod words;

pub(crate) use known::KNOWN;
pub(crate) use options::Args;

use crate::failure::Failure;
use crate::screen::{Paint, printable};
use clusterer_mi::{CallError, Client, ClientError, MiData, Refusal, TextAnswer};
use std::io::{self, Write};
use std::process::ExitCode;
use words::Words;

pub(crate) const HELP: &str = "\
Anything that is not one of these commands is run by the daemon: `clustererctl which` lists what it
knows, `clustererctl core:help COMMAND` says what a command takes.
Parameters come in order, or all by name: clusterer_set_status cluster_id=1 machine_id=2 status=0.
After --, everything is a value. Options come before the command, but --json may also come after it.

Environment: CLUSTERERCTL_MI stands for --mi, CLUSTERERCTL_TOKEN_FILE for --token-file. NO_COLOR.

Exit codes: 0 done, 1 refused, 2 wrong command line, 3 nobody answered.";

pub(crate) fn run(args: &Args, words: &[String]) -> anyhow::Result<ExitCode> {
    let session = Session::open(args, words, None)?;
    let shown = session.ask(Paint::of_stdout()).map_err(failure)?;
    io::stdout().write_all(shown.text.as_bytes())?;
    match shown.refused {
        None => Ok(ExitCode::SUCCESS),
        Some(why) => {
            writeln!(io::stderr(), "{why}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// One command for one daemon, to be run once or again and again.
pub(crate) struct Session {
    client: Client,
    command: String,
    params: Params,
    pub(crate) json: bool,
    is_http: bool,
}

enum Params {
    Json(MiData),
    Text(Vec<String>),
}

/// What a daemon said.
pub(crate) struct Shown {
    /// Lines.
    pub(crate) text: String,
    /// Its code and reason, if it said no.
    pub(crate) refused: Option<String>,
}

impl Session {
    /// `patience` is how long to wait for an answer if the command line does not say. The daemon is asked
    /// which names the parameters have, if one looks like a name and a value.
    pub(crate) fn open(
        args: &Args,
        words: &[String],
        patience: Option<u32>,
    ) -> anyhow::Result<Self> {
        let words = Words::parse(words)?;
        let json = args.json || words.json;
        if args.text && json {
            return Err(Failure::usage("--text gives lines, not JSON: leave out one of the two"));
        }
        let target = args.target()?;
        let is_http = target.is_http();
        let client = args.client(target, patience)?;
        let params = if args.text {
            Params::Text(words.values())
        } else {
            Params::Json(words.params(&client).map_err(|error| match error {
                words::Error::Call(error) => failure(hinted(error, is_http)),
                words::Error::Mixed { name } => Failure::usage(format!(
                    "give all parameters by name, or none ({name} is one; after --, everything is a \
                     value)"
                )),
                words::Error::Twice { name } => {
                    Failure::usage(format!("the parameter {name} is given twice"))
                }
            })?)
        };
        Ok(Self { client, command: words.command, params, json, is_http })
    }

    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// Runs the command.
    ///
    /// # Errors
    /// No answer. A refusal is one.
    pub(crate) fn ask(&self, paint: Paint) -> Result<Shown, Hinted> {
        let answer = match &self.params {
            Params::Json(params) => self.client.call(&self.command, params).map(|data| {
                let text =
                    if self.json { format!("{data}\n") } else { render::render(&data, paint) };
                Shown { text, refused: None }
            }),
            Params::Text(params) => {
                let params: Vec<&str> = params.iter().map(String::as_str).collect();
                self.client.call_text(&self.command, &params).map(|answer| Shown::of_text(&answer))
            }
        };
        answer.or_else(|error| match error {
            CallError::Refused(refusal) => Ok(Shown::of_refusal(&refusal, self.is_http)),
            error => Err(Hinted { error, wants_text: self.may_be_older() }),
        })
    }

    fn may_be_older(&self) -> bool {
        !self.is_http && matches!(self.params, Params::Json(_))
    }
}

impl Shown {
    /// A tab of indent a level stays.
    fn of_text(answer: &TextAnswer) -> Self {
        let line = |line: &String| {
            let text = line.trim_start_matches('\t');
            let tabs = "\t".repeat(line.len() - text.len());
            format!("{tabs}{}\n", printable(text))
        };
        let refused =
            (!answer.is_ok()).then(|| format!("{} {}", answer.code, printable(&answer.reason)));
        Self { text: answer.lines.iter().map(line).collect(), refused }
    }

    fn of_refusal(refusal: &Refusal, is_http: bool) -> Self {
        let hint = match refusal.code {
            401 | 403 if is_http => " (--token-file gives the token that the daemon wants)",
            _ => "",
        };
        Self {
            text: String::new(),
            refused: Some(format!("{}{hint}", printable(&refusal.to_string()))),
        }
    }
}

/// An error, and whether another form may be what helps.
pub(crate) struct Hinted {
    error: CallError,
    wants_text: bool,
}

fn hinted(error: CallError, is_http: bool) -> Hinted {
    Hinted { error, wants_text: !is_http }
}

impl std::fmt::Display for Hinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use ClientError::{NoAnswer, NotMi, Timeout};
        write!(f, "{}", self.error)?;
        match &self.error {
            CallError::Unreachable(NoAnswer | NotMi { .. } | Timeout(_)) if self.wants_text => {
                f.write_str(" (OpenSIPS 2.x wants --text)")
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn failure(hinted: Hinted) -> anyhow::Error {
    match hinted.error {
        CallError::Usage(error) => Failure::usage(error),
        _ => Failure::unreachable(hinted),
    }
}
