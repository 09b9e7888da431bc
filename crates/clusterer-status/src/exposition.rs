//! The text format of Prometheus, version 0.0.4.

use std::borrow::Cow;
use std::fmt::{Display, Write};

/// A page of families that is being written.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

/// A family of the page: its samples follow, all of them.
pub(crate) struct Family<'e> {
    name: &'static str,
    text: &'e mut String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

impl Exposition {
    /// With room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    pub(crate) fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { name, text: &mut self.text }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// `labels` as they stand between the braces, [escaped](escape); `more` are behind them.
    pub(crate) fn sample(&mut self, labels: &str, more: &str, value: impl Display) {
        let _ = writeln!(self.text, "{}{{{labels}{more}}} {value}", self.name);
    }

    pub(crate) fn alone(&mut self, value: impl Display) {
        let _ = writeln!(self.text, "{} {value}", self.name);
    }
}

/// A label's value between quotes.
pub(crate) fn escape(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return value.into();
    }
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_family_is_its_description_and_its_samples() {
        let mut page = Exposition::default();
        let mut family = page.family("a_bytes", Kind::Gauge, "How much");
        family.sample("to=\"b\"", "", 7_u64);
        family.sample("to=\"b\"", ",by=\"c\"", 0.25);
        page.family("b_total", Kind::Counter, "How often").alone(0_u64);
        expect![[r#"
            # HELP a_bytes How much
            # TYPE a_bytes gauge
            a_bytes{to="b"} 7
            a_bytes{to="b",by="c"} 0.25
            # HELP b_total How often
            # TYPE b_total counter
            b_total 0
        "#]]
        .assert_eq(&page.finish());
    }

    #[test]
    fn no_name_ends_its_quotes_or_its_line() {
        assert_eq!(escape("ratelimit"), "ratelimit");
        assert_eq!(escape("a\"} 1\n\\"), "a\\\"} 1\\n\\\\");
    }
}
