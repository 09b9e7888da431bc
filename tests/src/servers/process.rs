//! Signals to a server and to its children. PostgreSQL has a process a connection, each in a session of
//! its own, so that a signal to a process group does not reach them.

use crate::{PATIENCE, wait_for};
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;

/// Stops a process and its children where they stand (SIGSTOP); returns all of them, it first.
pub(super) fn freeze(parent: u32) -> Result<Vec<u32>> {
    signal(parent, Signal::STOP)?;
    // Until it stands still it may have another child.
    wait_still(parent)?;
    // From now on nobody asks about those that end, and their ids stay theirs.
    let children = children(parent)?;
    for &child in &children {
        signal(child, Signal::STOP)?;
    }
    for &child in &children {
        wait_still(child)?;
    }
    Ok([vec![parent], children].concat())
}

/// Lets a process and its children go on (SIGCONT).
pub(super) fn thaw(parent: u32) -> Result<()> {
    for child in children(parent)? {
        // It may have ended by itself.
        let _ = signal(child, Signal::CONT);
    }
    signal(parent, Signal::CONT)
}

/// Waits until none of them runs any more. Those that have ended and that nobody has asked about count
/// as gone: they hold nothing open.
pub(super) fn wait_gone(processes: &[u32]) -> Result<()> {
    wait_for("the server's processes are gone", PATIENCE, || {
        let runs = |&pid: &u32| Process::read(pid).is_ok_and(|it| it.state != 'Z');
        Ok((!processes.iter().any(runs)).then_some(()))
    })
}

pub(super) fn signal(process: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).context("no process id")?;
    kill_process(pid, signal).with_context(|| format!("process {process}"))
}

/// Waits until none of its threads runs: a signal reaches one after the other.
fn wait_still(process: u32) -> Result<()> {
    wait_for(&format!("process {process} stands still"), PATIENCE, || {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let Ok(thread) = Process::read_at(&thread?.path()) else { continue };
            if !['T', 'X', 'Z'].contains(&thread.state) {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
}

fn children(parent: u32) -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|it| it.file_name().to_str()?.parse::<u32>().ok());
    Ok(pids.filter(|&pid| Process::read(pid).is_ok_and(|it| it.parent == parent)).collect())
}

/// What the system says about a process, or about a thread.
struct Process {
    state: char,
    parent: u32,
}

impl Process {
    fn read(pid: u32) -> Result<Self> {
        Self::read_at(Path::new(&format!("/proc/{pid}")))
    }

    fn read_at(directory: &Path) -> Result<Self> {
        let text = fs::read_to_string(directory.join("stat"))?;
        Self::parse(&text).with_context(|| format!("{}: {text:?}", directory.display()))
    }

    /// `PID (NAME) STATE PARENT …`; the name may hold anything, parentheses and spaces too.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        Some(Self { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, id};

    #[test]
    fn the_name_of_a_process_may_hold_anything() {
        let process = Process::parse("7 (a) Z 1 (b) S 42 7 7").unwrap();
        assert_eq!((process.state, process.parent), ('S', 42));
        assert!(Process::parse("7 (a)").is_none());
    }

    #[test]
    fn a_child_is_found_and_a_killed_one_is_gone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children(id()).unwrap().contains(&child.id()));
        assert_eq!(freeze(child.id()).unwrap(), [child.id()]);
        signal(child.id(), Signal::KILL).unwrap();
        wait_gone(&[child.id()]).expect("nobody has asked about it yet, but it is gone");
        child.wait().unwrap();
    }
}
