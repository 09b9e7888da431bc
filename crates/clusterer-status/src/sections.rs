//! What the program's own parts add.

use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A section as it was drawn.
pub(crate) type Drawn = BTreeMap<String, Box<RawValue>>;

type Source = Box<dyn Fn() -> String + Send + Sync>;

/// The sections and where they come from.
#[derive(Default)]
pub(crate) struct Sections {
    sources: BTreeMap<String, Source>,
}

#[derive(Serialize)]
struct Failed<'a> {
    error: &'a str,
}

impl Sections {
    pub(crate) fn add(&mut self, name: String, source: Source) {
        self.sources.insert(name, source);
    }

    /// Runs the program's code: under no lock of ours, and its panics end the call only.
    pub(crate) fn draw(&self) -> Drawn {
        let draw = |(name, source): (&String, &Source)| {
            let drawn = match catch_unwind(AssertUnwindSafe(source)) {
                Ok(text) => RawValue::from_string(text).or_else(|_| failed("it is no JSON")),
                Err(_) => failed("its source panicked"),
            };
            Some((name.clone(), drawn.ok()?))
        };
        self.sources.iter().filter_map(draw).collect()
    }
}

impl fmt::Debug for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

fn failed(error: &str) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&Failed { error })
}
