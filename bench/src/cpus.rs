//! On which processors what is measured runs: left to the scheduler, a round trip takes either of two times, by
//! whether the two ends share a processor.

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Where the two ends are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Placing {
    Together,
    /// On two processors, of which the other has to be woken.
    Apart,
}

/// The processors that this process may use.
pub(crate) struct Cpus(CpuSet);

impl Cpus {
    pub(crate) fn of_process() -> Result<Self> {
        Ok(Self(sched_getaffinity(None).context("the processors cannot be asked for")?))
    }

    /// What is started from now on by this thread runs on one of them.
    pub(crate) fn confine_servers(&self) -> Result<()> {
        confine(self.nth(0)?)
    }

    /// This thread itself does.
    pub(crate) fn confine_client(&self, placing: Placing) -> Result<()> {
        confine(match placing {
            Placing::Together => self.nth(0)?,
            Placing::Apart => self.nth(1)?,
        })
    }

    fn nth(&self, index: usize) -> Result<usize> {
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&cpu| self.0.is_set(cpu));
        usable.nth(index).with_context(|| format!("a round trip takes {} processors", index + 1))
    }
}

impl Drop for Cpus {
    /// Whatever is measured next runs where it likes.
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.0);
    }
}

fn confine(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).with_context(|| format!("processor {cpu} cannot be chosen"))
}
