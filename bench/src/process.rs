//! What the kernel has written down about another process.

use crate::stats::float;
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// One tick of the times in `/proc/PID/stat`: Linux shows hundredths of a second there on every
/// machine this runs on.
const TICK: Duration = Duration::from_millis(10);
/// How far the two sources may lie apart, beside a share of [`SLACK`]: each of two times is rounded, twice.
const ROUNDING: Duration = Duration::from_millis(40);
const SLACK: f64 = 0.02;

/// The CPU time of a process at one moment: of each thread to the nanosecond (`/proc/PID/task/*/schedstat`),
/// and of all there ever were, in ticks (`/proc/PID/stat`).
#[derive(Clone, Debug)]
pub(crate) struct CpuTime {
    threads: BTreeMap<u32, u64>,
    ticks: u64,
}

impl CpuTime {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for thread in tasks(pid)? {
            // It may have ended since it was listed; the ticks keep what it used.
            if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")) {
                threads.insert(thread, run_time(&text).context("schedstat")?);
            }
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Ok(Self { threads, ticks: ticks(&stat).context("/proc/PID/stat")? })
    }

    /// What all threads have used since `before`.
    ///
    /// # Errors
    /// The two sources tell different stories: a thread has ended with what only it knew.
    pub(crate) fn since(&self, before: &Self) -> Result<Duration> {
        let begun = |thread| before.threads.get(thread).copied().unwrap_or(0);
        let used = self.threads.iter().map(|(thread, now)| now.saturating_sub(begun(thread)));
        let used = Duration::from_nanos(used.sum());
        let ticks = u32::try_from(self.ticks.saturating_sub(before.ticks))?;
        let coarse = TICK * ticks;
        ensure!(
            used.abs_diff(coarse) <= ROUNDING + used.mul_f64(SLACK),
            "the threads used {used:?}, the process used {coarse:?}: one has ended meanwhile"
        );
        Ok(used)
    }

    /// The same, of a process that is measured while it works: only what its threads say.
    pub(crate) fn busy_since(&self, before: &Self) -> Duration {
        let begun = |thread| before.threads.get(thread).copied().unwrap_or(0);
        let used = self.threads.iter().map(|(thread, now)| now.saturating_sub(begun(thread)));
        Duration::from_nanos(used.sum())
    }
}

/// How often the threads of a process have given the CPU away because there was nothing to do.
pub(crate) fn wakes(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for thread in tasks(pid)? {
        if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")) {
            sum += field(&text, "voluntary_ctxt_switches:").context("status")?;
        }
    }
    Ok(sum)
}

/// How often a process has called the kernel to write.
pub(crate) fn writes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    field(&text, "syscw:").context("/proc/PID/io")
}

/// Whether every thread of a process waits for something other than a CPU.
pub(crate) fn is_waiting(pid: u32) -> Result<bool> {
    for thread in tasks(pid)? {
        if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat"))
            && state(&stat).context("/proc/PID/task/TID/stat")? == "R"
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The memory that a process has in use, KiB.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field(&text, "VmRSS:").context("/proc/PID/status")
}

/// The number behind a name at the begin of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Nanoseconds each of so many took.
pub(crate) fn per(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e9 / float(count.max(1))
}

fn tasks(pid: u32) -> Result<Vec<u32>> {
    let listed = fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("process {pid} has ended"))?;
    listed.map(|entry| Ok(entry?.file_name().to_string_lossy().parse()?)).collect()
}

/// The first number of `schedstat`: nanoseconds on a CPU.
fn run_time(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// The letter behind the name, which may hold anything.
fn state(stat: &str) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().next()
}

/// `utime` and `stime`, behind the name, which may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_the_name_whatever_it_is() {
        let stat = "7 (a) b (c) R 1 7 7 0 -1 4194560 97 0 0 0 150 20 0 0 20 0 1 0 4 5 6";
        assert_eq!(ticks(stat), Some(170));
        assert_eq!(ticks("7 (a"), None);
        assert_eq!(state(stat), Some("R"));
        assert_eq!(run_time("123456 9 3\n"), Some(123_456));
        assert_eq!(run_time(""), None);
    }

    #[test]
    fn a_field_is_the_number_behind_its_whole_name() {
        let text =
            "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t12\nVmRSS:\t  88 kB\n";
        assert_eq!(field(text, "voluntary_ctxt_switches:"), Some(12));
        assert_eq!(field(text, "VmRSS:"), Some(88));
        assert_eq!(field(text, "syscw:"), None);
    }

    #[test]
    fn a_thread_that_ended_with_its_time_is_noticed() {
        let time = |threads: &[(u32, u64)], ticks| CpuTime {
            threads: threads.iter().copied().collect(),
            ticks,
        };
        let before = time(&[(1, 0), (2, 5_000_000)], 0);
        let after = time(&[(1, 1_000_000_000), (3, 500_000_000)], 150);
        assert_eq!(after.since(&before).unwrap(), Duration::from_millis(1500));
        assert!(time(&[(1, 1_000_000_000)], 150).since(&before).is_err());
    }

    #[test]
    fn our_own_time_passes() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).unwrap();
        let mut sum = 0_u64;
        while CpuTime::of(pid).unwrap().busy_since(&before).is_zero() {
            sum = sum.wrapping_add(1);
        }
        assert!(sum < u64::MAX);
    }
}
