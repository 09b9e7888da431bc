//! Turns what serde objects to into the shape of our own errors.
//!
//! Serde's messages repeat values, so only its span is used: what stands there is looked up in the
//! document, what should stand there in the table of keys.

use super::error::ConfigError;
use super::key::split;
use super::keys::{KEYS, SECTIONS};
use super::source::Source;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The error for what serde does not find to be in the shape of a configuration.
pub(crate) fn explain(
    error: &toml::de::Error,
    document: &DeTable<'_>,
    source: &Source<'_>,
) -> ConfigError {
    let span = error.span().unwrap_or_default();
    let Some(found) = find(document, span.start, "") else {
        return ConfigError::keyless(source.place(&span), "this is no configuration of clustererd");
    };
    let message = match expected_at(&found.path) {
        Some(expected) => format!("{}, expected {expected}", found.describe()),
        None => unknown(&found.path, found.value.is_table()),
    };
    source.error(&span, &found.path, message)
}

/// Serde would fill a section from an array, value by value. Here a section is a table.
pub(crate) fn check_sections(
    document: &DeTable<'_>,
    source: &Source<'_>,
) -> Result<(), ConfigError> {
    for section in SECTIONS {
        let (parent, name) = split(section.path);
        let table = match parent {
            "" => Some(document),
            parent => document.get(parent).and_then(|value| value.get_ref().as_table()),
        };
        if let Some(value) = table.and_then(|table| table.get(name))
            && !value.get_ref().is_table()
        {
            let found = describe(value.get_ref());
            let message = format_args!("{found}, expected a section [{}]", section.path);
            return Err(source.error(&value.span(), section.path, message));
        }
    }
    Ok(())
}

/// What stands at a byte of the document.
struct Found<'a> {
    /// Dotted.
    path: String,
    value: &'a DeValue<'a>,
    /// If it is in an array, which is the value, the element.
    element: Option<&'a DeValue<'a>>,
}

impl Found<'_> {
    fn describe(&self) -> String {
        match self.element {
            Some(element) => format!("{} in the array", describe(element)),
            None => describe(self.value).to_owned(),
        }
    }
}

/// Finds the key or the value that a byte belongs to. A table's span is its header, which does not
/// enclose its values: they are searched whatever the table's own span is.
fn find<'a>(table: &'a DeTable<'_>, offset: usize, prefix: &str) -> Option<Found<'a>> {
    table.iter().find_map(|(key, value)| {
        let path = join(prefix, key.get_ref());
        let within = match value.get_ref() {
            DeValue::Table(inner) => find(inner, offset, &path),
            _ => None,
        };
        within.or_else(|| {
            let here = key.span().contains(&offset) || value.span().contains(&offset);
            here.then(|| Found { path, value: value.get_ref(), element: element(value, offset) })
        })
    })
}

fn element<'a>(value: &'a Spanned<DeValue<'_>>, offset: usize) -> Option<&'a DeValue<'a>> {
    let mut elements = value.get_ref().as_array()?.iter();
    elements.find(|element| element.span().contains(&offset)).map(Spanned::get_ref)
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// What to write at a path; `None` if the path means nothing.
fn expected_at(path: &str) -> Option<String> {
    KEYS.iter().find(|key| key.path() == path).map(|key| key.kind().expected())
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(_) => "an integer",
            Err(_) => "an integer beyond 64 bits",
        },
        DeValue::Float(_) => "a floating-point number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The message for a path that means nothing.
fn unknown(path: &str, is_table: bool) -> String {
    let what = if is_table { "unknown section" } else { "unknown key" };
    let (section, name) = split(path);
    let siblings = siblings(section);
    if let Some(near) = nearest(name, &siblings) {
        return format!("{what}, did you mean {near}?");
    }
    if let Some(key) = KEYS.iter().find(|key| key.name() == name) {
        return format!("{what}, {name} belongs to section [{}]", key.section());
    }
    format!("{what}, expected one of {}", siblings.join(", "))
}

/// The names that mean something within a section, in the order of the reference.
fn siblings(section: &str) -> Vec<&'static str> {
    let sections = SECTIONS.iter().map(|section| section.path);
    sections
        .chain(KEYS.iter().map(|key| key.path()))
        .filter_map(|path| {
            let (parent, name) = split(path);
            (parent == section).then_some(name)
        })
        .collect()
}

/// The name that a typing error away from `name` is.
fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    // Far longer than any key, and the comparison is quadratic.
    if name.len() > 64 {
        return None;
    }
    let (distance, near) = names.iter().map(|other| (distance(name, other), *other)).min()?;
    (distance <= near.len().div_ceil(4)).then_some(near)
}

/// How many characters must be inserted, removed or replaced to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, left) in from.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (from, to, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("server_id", "servr_id", 1),
            ("kitten", "sitting", 3),
            ("ä", "a", 1),
        ] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = siblings("clusterer");
        assert_eq!(nearest("severid", &names), Some("server_id"));
        assert_eq!(nearest("url_column", &names), None);
        assert_eq!(nearest("", &names), None);
        assert_eq!(nearest("fifo", &siblings("mi")), Some("fifo"));
    }
}
