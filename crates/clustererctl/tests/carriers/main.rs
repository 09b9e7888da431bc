//! `clustererctl COMMAND` and `watch` as a user runs them, over JSON-RPC.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod answers;
mod server;
mod terminal;
mod watch;

use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command};

/// Longer than anything takes on a busy machine; only a failing test waits this long.
const LONG: std::time::Duration = std::time::Duration::from_secs(20);

fn ctl(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"));
    for name in ["CLUSTERERCTL_MI", "CLUSTERERCTL_TOKEN_FILE", "NO_COLOR"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").args(args);
    command
}

/// Exit code, standard output, standard error.
fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn run(args: &[&str]) -> (i32, String, String) {
    outcome(&mut ctl(args))
}

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    /// That a signal ends it, and not by itself.
    fn end(mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
