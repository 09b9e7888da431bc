//! What happened, as lines for people and as one number for comparing runs.

use std::fmt::{self, Write};

/// The record of a run. Every line and every packet goes into its hash; the lines themselves are kept
/// only where somebody wants to read them.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    hash: Fnv,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(keep: bool) -> Self {
        Self { hash: Fnv(0xcbf2_9ce4_8422_2325), lines: keep.then(Vec::new) }
    }

    /// Something worth reading.
    pub(crate) fn line(&mut self, now: u64, text: fmt::Arguments<'_>) {
        self.number(now);
        // The hasher takes whatever it is given.
        let _ = self.hash.write_fmt(text);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>4}.{:03} {text}", now / 1000, now % 1000));
        }
    }

    /// Something that only has to be the same the next time.
    pub(crate) fn number(&mut self, number: u64) {
        self.hash.bytes(&number.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.hash.bytes(bytes);
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash.0
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// FNV-1a, 64 bits.
#[derive(Clone, Debug)]
struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}
