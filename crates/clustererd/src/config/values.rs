//! What every key stands for, so that two readings of a file can be compared, and what a difference
//! between them takes.

use super::key::{Entry, split};
use super::keys::{KEYS, LIVE, SECTIONS};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The values of one reading, as fingerprints: a password is not kept for this. A key of a section that is
/// not there has none.
#[derive(Clone, Default)]
pub(crate) struct Values(BTreeMap<&'static str, u64>);

/// What is not as it was. Sorted as the reference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A key has another value.
    Changed(&'static str),
    /// A section has come.
    Added(&'static str),
    /// A section has gone.
    Removed(&'static str),
}

/// When a change of a key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// When the file is read again.
    Live,
    /// When the daemon is started anew.
    Restart,
}

impl Values {
    pub(crate) fn note(&mut self, path: &'static str, value: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        self.0.insert(path, hasher.finish());
    }

    /// What a later reading says otherwise.
    pub(crate) fn differences(&self, later: &Self) -> Vec<Difference> {
        let differences = SECTIONS.iter().map(|section| {
            match (self.has_section(section.path), later.has_section(section.path)) {
                (true, false) => vec![Difference::Removed(section.path)],
                (false, true) => vec![Difference::Added(section.path)],
                _ => self.changes(later, section.path),
            }
        });
        differences.flatten().collect()
    }

    /// Takes over what a later reading says of a key.
    pub(crate) fn adopt(&mut self, path: &'static str, later: &Self) {
        if let Some(value) = later.0.get(path) {
            self.0.insert(path, *value);
        }
    }

    fn has_section(&self, section: &str) -> bool {
        self.0.keys().any(|path| split(path).0 == section)
    }

    fn changes(&self, later: &Self, section: &str) -> Vec<Difference> {
        let of_section = KEYS.iter().map(|key| key.path()).filter(|path| split(path).0 == section);
        of_section
            .filter(|path| self.0.get(path) != later.0.get(path))
            .map(Difference::Changed)
            .collect()
    }
}

impl Difference {
    /// When it takes effect. A section that comes or goes starts or ends a part of the daemon.
    pub(crate) fn effect(self) -> Effect {
        match self {
            Self::Changed(path) => effect(path),
            Self::Added(_) | Self::Removed(_) => Effect::Restart,
        }
    }
}

/// When a change of this key takes effect.
pub(crate) fn effect(path: &str) -> Effect {
    let is_live = LIVE.iter().any(|key: &&dyn Entry| key.path() == path);
    if is_live { Effect::Live } else { Effect::Restart }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(path) => {
                let (section, name) = split(path);
                write!(f, "[{section}] {name} has changed")
            }
            Self::Added(section) => write!(f, "[{section}] was added"),
            Self::Removed(section) => write!(f, "[{section}] was removed"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Restart => "restart",
        })
    }
}
