//! Another process of this program, for what must be measured apart from it.

use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A role that runs until its standard input ends, which is when this is dropped, or when we are killed.
/// It tells us things in lines.
pub(crate) struct Role {
    child: Child,
    lines: BufReader<ChildStdout>,
    stdin: ChildStdin,
}

impl Role {
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("where am I?")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("this program cannot be started again")?;
        let lines = BufReader::new(child.stdout.take().context("it has an output")?);
        let stdin = child.stdin.take().context("it has an input")?;
        Ok(Self { child, lines, stdin })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next thing it says.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.lines.read_line(&mut line)? > 0, "a helper process has ended");
        Ok(line.trim_end().to_owned())
    }

    /// Asks it for something; the answer is its next line.
    pub(crate) fn ask(&mut self, what: &str) -> Result<String> {
        writeln!(self.stdin, "{what}")?;
        self.line()
    }

    /// Where it listens: the first thing it says.
    pub(crate) fn address(&mut self) -> Result<SocketAddr> {
        let line = self.line()?;
        line.parse().with_context(|| format!("a helper process said {line:?}, no address"))
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends this process, a role, once whoever started it is gone. What it says meanwhile goes to `told`.
pub(crate) fn end_with_parent(told: impl Fn(&str) + Send + 'static) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            match line {
                Ok(line) => told(&line),
                Err(_) => break,
            }
        }
        std::process::exit(0);
    });
}
