//! `clustererctl watch`: a command again and again, until Ctrl-C.

mod signals;

use crate::mi::{self, Session, Shown};
use crate::screen::{Paint, Tone, printable};
use clap::Subcommand;
use clusterer_mi::format_utc;
use signals::Stop;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// How long to wait for an answer, in seconds, unless the command line says: short, so that the screen says
/// soon that there is none.
const PATIENCE: u32 = 5;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to wait between an answer and the next call: 0.1 to 86400
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    #[command(subcommand)]
    words: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    #[command(external_subcommand)]
    Mi(Vec<String>),
}

pub(crate) fn run(options: &mi::Args, args: &Args) -> anyhow::Result<ExitCode> {
    let list = ["clusterer_list".to_owned()];
    let words = match &args.words {
        Some(Command::Mi(words)) => words.as_slice(),
        None => &list,
    };
    let session = Session::open(options, words, Some(PATIENCE))?;
    let stop = Stop::listen()?;
    let mut screen = Screen::new(&session, &stop);
    // Who mistyped something sees it at once. Later, silence is what there is to see.
    let first = session.ask(screen.paint).map_err(mi::failure)?;
    if let Some(why) = first.refused {
        anyhow::bail!(why);
    }
    let mut last = Answer { at: now(), text: first.text };
    screen.show(&last, None)?;
    while !stop.within(args.interval) {
        match session.ask(screen.paint) {
            Ok(Shown { text, refused: None }) => {
                last = Answer { at: now(), text };
                screen.show(&last, None)?;
            }
            Ok(Shown { refused: Some(why), .. }) => screen.show(&last, Some(&why))?,
            Err(error) => screen.show(&last, Some(&error.to_string()))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "want seconds, 0.1 to 86400".to_owned())
}

/// What was answered last, and when.
struct Answer {
    at: SystemTime,
    text: String,
}

/// Where the answers go.
struct Screen<'a> {
    kind: Kind,
    paint: Paint,
    title: String,
    stop: &'a Stop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A line an answer.
    Json,
    /// An answer after the other.
    Pipe,
    /// The latest answer.
    Terminal,
}

/// The other screen, without cursor and line breaks of its own; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

impl<'a> Screen<'a> {
    fn new(session: &Session, stop: &'a Stop) -> Self {
        let kind = match io::stdout().is_terminal() {
            _ if session.json => Kind::Json,
            true => Kind::Terminal,
            false => Kind::Pipe,
        };
        let title = printable(session.command()).into_owned();
        Self { kind, paint: Paint::of_stdout(), title, stop }
    }

    /// Shows an answer, and why there is no newer one.
    fn show(&mut self, answer: &Answer, problem: Option<&str>) -> io::Result<()> {
        let since = utc(answer.at);
        let problem = problem.map(|why| format!("no answer since {since}: {}", printable(why)));
        let mut out = io::stdout().lock();
        match (self.kind, problem) {
            (Kind::Json, None) => out.write_all(answer.text.as_bytes())?,
            (Kind::Json, Some(problem)) => writeln!(io::stderr(), "clustererctl: {problem}")?,
            (Kind::Pipe, None) => write!(out, "--- {since}\n{}", answer.text)?,
            (Kind::Pipe, Some(problem)) => writeln!(out, "--- {}\n{problem}", utc(now()))?,
            (Kind::Terminal, problem) => {
                if self.stop.restore_with(LEAVE) {
                    out.write_all(ENTER.as_bytes())?;
                }
                out.write_all(self.frame(answer, problem.as_deref()).as_bytes())?;
            }
        }
        out.flush()
    }

    /// A whole screen, written over the one before, so that nothing flickers.
    fn frame(&self, answer: &Answer, problem: Option<&str>) -> String {
        let head = match problem {
            Some(problem) => self.paint.paint(Tone::Bad, problem),
            None => format!("{} at {}, Ctrl-C ends", self.title, utc(answer.at)),
        };
        let room = usize::from(rows()).saturating_sub(1).max(1);
        let all: Vec<&str> = [head.as_str(), ""].into_iter().chain(answer.text.lines()).collect();
        let mut lines = all.iter().take(room).map(|line| format!("{line}\x1b[K\n"));
        let mut frame = format!("\x1b[H{}", lines.by_ref().collect::<String>());
        if all.len() > room {
            frame.push_str(&format!("({} lines more)\x1b[K", all.len() - room));
        }
        frame.push_str("\x1b[J");
        frame
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        self.stop.restore();
    }
}

/// A terminal that does not know its size, as on a serial line, says 0.
fn rows() -> u16 {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    size.map(|size| size.ws_row).ok().filter(|rows| *rows > 0).unwrap_or(24)
}

fn now() -> SystemTime {
    SystemTime::now()
}

fn utc(time: SystemTime) -> String {
    let unix = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{} UTC", format_utc(unix.as_secs()))
}
