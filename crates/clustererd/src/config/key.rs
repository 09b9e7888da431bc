//! A key of the configuration: what it is called, what it takes, what it means.
//!
//! The reader, its defaults, its error messages and the reference in `docs/configuration.md` all come
//! from the same [`Key`]s, so that they cannot disagree.

use super::error::{ConfigError, Place};
use super::source::{Fault, Section, Source};
use std::fmt::Display;
use std::hash::{Hash, Hasher};
use toml::Spanned;

/// A key and the kind of value it takes.
pub(crate) struct Key<K> {
    /// Section and name, dotted.
    pub(crate) path: &'static str,
    pub(crate) kind: K,
    /// One sentence for the reference.
    pub(crate) meaning: &'static str,
}

/// What a kind of value says of itself.
pub(crate) trait Describe {
    /// What to write, to end a sentence that began "expected".
    fn expected(&self) -> String;

    /// The default as it would be written in a file; `None` if there is none.
    fn default_toml(&self) -> Option<String>;

    /// True if a file may do without this key.
    fn is_optional(&self) -> bool {
        self.default_toml().is_some()
    }
}

/// A kind of value: how it is read, and what it is when nothing is written.
pub(crate) trait Kind: Describe {
    /// How it comes out of TOML.
    type Raw;
    /// What it means.
    type Value: Hash;

    /// The value when the key is absent; `None` if it must be written.
    fn default(&self) -> Option<Self::Value>;

    /// The value of what is written.
    fn read(&self, raw: Spanned<Self::Raw>, source: &Source<'_>) -> Result<Self::Value, Fault>;
}

/// A key without the type of its value: an entry of the reference.
pub(crate) trait Entry: Sync {
    fn path(&self) -> &'static str;
    fn meaning(&self) -> &'static str;
    fn kind(&self) -> &dyn Describe;

    /// The part after the section.
    fn name(&self) -> &'static str {
        split(self.path()).1
    }

    /// The part before the name.
    fn section(&self) -> &'static str {
        split(self.path()).0
    }
}

/// Section and name of a dotted path.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

/// A value with the place it came from, so that whoever finds it wrong later can say where it stands.
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    key: &'static str,
    place: Place,
}

impl<T> Setting<T> {
    pub(crate) fn new(value: T, key: &'static str, place: Place) -> Self {
        Self { value, key, place }
    }

    /// The dotted path of the key.
    pub(crate) const fn key(&self) -> &'static str {
        self.key
    }

    /// An error about this value, in the shape of those that reading gives.
    pub(crate) fn error(&self, message: impl Display) -> ConfigError {
        ConfigError::at(self.place.clone(), self.key, message)
    }
}

impl<T: Hash> Hash for Setting<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<K: Kind> Key<K> {
    /// The value that is written, else the default, else an error at the section.
    pub(crate) fn read(
        &self,
        raw: Option<Spanned<K::Raw>>,
        at: &Section<'_>,
    ) -> Result<Setting<K::Value>, ConfigError> {
        self.read_for(self.path, raw, at)
    }

    /// The same for a key that is another name of the one at `path`.
    pub(crate) fn read_for(
        &self,
        path: &'static str,
        raw: Option<Spanned<K::Raw>>,
        Section { source, span: section }: &Section<'_>,
    ) -> Result<Setting<K::Value>, ConfigError> {
        let (value, span) = match raw {
            Some(raw) => {
                let span = raw.span();
                let value = self
                    .kind
                    .read(raw, source)
                    .map_err(|fault| source.error(&fault.span, self.path, fault.message))?;
                (value, span)
            }
            None => {
                let value = self.kind.default().ok_or_else(|| {
                    let message = format_args!("missing, expected {}", self.kind.expected());
                    source.error(section, self.path, message)
                })?;
                (value, section.clone())
            }
        };
        source.values.borrow_mut().note(path, &value);
        Ok(Setting::new(value, self.path, source.place(&span)))
    }
}

impl<K: Describe + Sync> Entry for Key<K> {
    fn path(&self) -> &'static str {
        self.path
    }

    fn meaning(&self) -> &'static str {
        self.meaning
    }

    fn kind(&self) -> &dyn Describe {
        &self.kind
    }
}
