//! Who cleans up when we cannot: after Ctrl-C, after SIGKILL.

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads lines of process ids; the last line counts. At the end of the input it wakes those processes,
/// ends them, waits five seconds at most and kills what is left; then it removes the directory.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
while read -r line; do processes=$line; done
if [ -n "$processes" ]; then
    kill -CONT $processes
    kill -"$1" $processes
    n=0
    while kill -0 ${processes%% *} && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
    kill -KILL $processes
fi
rm -rf "$2"
"#;

/// A shell that waits for our end, which it sees by the end of a pipe. It acts only if we end without
/// having dismissed it, which is what dropping does.
#[derive(Debug)]
pub struct Guardian {
    shell: Child,
    pipe: ChildStdin,
}

impl Guardian {
    /// Watches over a directory in which daemons run.
    ///
    /// # Errors
    /// There is no shell.
    pub fn of_daemons(directory: &Path) -> Result<Self> {
        Self::new(directory, Signal::TERM)
    }

    /// Watches over a directory; `ending` is what ends the processes in it.
    pub(crate) fn new(directory: &Path, ending: Signal) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "guardian", &ending.as_raw().to_string()]).arg(directory);
        // Ctrl-C goes to our process group. It must not be in it.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().context("`sh` cannot be run")?;
        let pipe = shell.stdin.take().context("it has a pipe")?;
        Ok(Self { shell, pipe })
    }

    /// These are the processes to end, instead of those named before.
    ///
    /// # Errors
    /// The shell has ended.
    pub fn watch(&mut self, processes: &[u32]) -> Result<()> {
        let words: Vec<_> = processes.iter().map(ToString::to_string).collect();
        writeln!(self.pipe, "{}", words.join(" ")).context("the guardian has ended")
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
