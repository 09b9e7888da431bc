//! The words after the options: a command and its parameters.

use crate::failure::Failure;
use clusterer_mi::{CallError, Client, MiData};
use std::collections::HashSet;

/// A command line, taken apart.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) command: String,
    params: Vec<Word>,
    pub(super) json: bool,
}

#[derive(Debug)]
struct Word {
    text: String,
    /// Stood behind `--`.
    is_value: bool,
}

/// Why parameters cannot be told.
pub(super) enum Error {
    /// No answer to what names they have.
    Call(CallError),
    /// One has a name, another has none.
    Mixed {
        /// The name.
        name: String,
    },
    /// A name comes twice.
    Twice {
        /// The name.
        name: String,
    },
}

impl Words {
    pub(super) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut words = words.iter();
        let command = words.next().ok_or_else(|| Failure::usage("which command?"))?.clone();
        let mut parsed = Self { command, params: Vec::new(), json: false };
        let mut is_value = false;
        for word in words {
            match word.as_str() {
                word if is_value => parsed.push(word, true),
                "--" => is_value = true,
                "--json" => parsed.json = true,
                // A mistyped option must not become a parameter of a command that changes something.
                word if word.starts_with("--") => {
                    let option = word.split('=').next().unwrap_or(word);
                    return Err(Failure::usage(format!(
                        "{option}: options come before the command; a parameter that looks like one comes \
                         after --"
                    )));
                }
                word => parsed.push(word, false),
            }
        }
        Ok(parsed)
    }

    fn push(&mut self, text: &str, is_value: bool) {
        self.params.push(Word { text: text.to_owned(), is_value });
    }

    /// The parameters in order.
    pub(super) fn values(&self) -> Vec<String> {
        self.params.iter().map(|word| word.text.clone()).collect()
    }

    /// The parameters as JSON has them: by name if the first that could be a name and a value is, else in
    /// order. The daemon knows the names; one that does not tell them is believed to have what it is given.
    pub(super) fn params(&self, client: &Client) -> Result<MiData, Error> {
        let in_order = || MiData::list(self.values());
        if self.params.is_empty() {
            return Ok(MiData::Null);
        }
        let pairs: Vec<Option<(&str, &str)>> = self.params.iter().map(Word::pair).collect();
        let Some((name, _)) = pairs.iter().flatten().next() else { return Ok(in_order()) };
        let is_name = match names(client, &self.command).map_err(Error::Call)? {
            Some(names) => {
                pairs.iter().flatten().any(|(name, _)| names.iter().any(|it| it == name))
            }
            None => pairs.iter().all(Option::is_some),
        };
        if !is_name {
            return Ok(in_order());
        }
        let mixed = || Error::Mixed { name: (*name).to_owned() };
        let members: Option<Vec<_>> = pairs.iter().copied().collect();
        let members = members.ok_or_else(mixed)?;
        let mut seen = HashSet::new();
        if let Some((name, _)) = members.iter().find(|(name, _)| !seen.insert(name)) {
            return Err(Error::Twice { name: (*name).to_owned() });
        }
        Ok(MiData::object(members.into_iter().map(|(name, value)| (name, value.into()))))
    }
}

impl Word {
    fn pair(&self) -> Option<(&str, &str)> {
        let (name, value) = self.text.split_once('=').filter(|_| !self.is_value)?;
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (!name.is_empty() && name.bytes().all(of_name)).then_some((name, value))
    }
}

/// What the daemon's `help` calls the parameters of a command. Nothing, if it has no such help.
fn names(client: &Client, command: &str) -> Result<Option<Vec<String>>, CallError> {
    let help = match client.call("help", &MiData::list([command])) {
        Ok(help) => help,
        Err(CallError::Refused(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(MiData::List(params)) = help.get("Parameters") else { return Ok(None) };
    let text = |data: &MiData| match data {
        MiData::Text(text) => Some(text.clone()),
        _ => None,
    };
    let both = |param: &MiData| ["name", "alias"].map(|key| param.get(key).and_then(text));
    Ok(Some(params.iter().flat_map(both).flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Words, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Words::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_end_at_two_dashes() {
        let words = parse(&["c", "1", "-1", "--json", "--", "--mi", "--", "--json"]).unwrap();
        assert_eq!(words.values(), ["1", "-1", "--mi", "--", "--json"]);
        assert!(words.json);
        let words = parse(&["c", "--", "--json"]).unwrap();
        assert!(!words.json);
        let error = parse(&["c", "--token=secret"]).unwrap_err();
        assert!(error.starts_with("--token: options come before"), "{error}");
        assert!(parse(&[]).is_err());
    }

    #[test]
    fn a_pair_is_a_name_and_a_value() {
        let pair = |text: &str, is_value| {
            let word = Word { text: text.into(), is_value };
            word.pair().map(|(name, value)| format!("{name} {value}"))
        };
        assert_eq!(pair("a_1=b=c", false).as_deref(), Some("a_1 b=c"));
        assert_eq!(pair("a=", false).as_deref(), Some("a "));
        assert_eq!(pair("a=b", true), None);
        assert_eq!(pair("=b", false), None);
        assert_eq!(pair("a b=c", false), None);
        assert_eq!(pair("ab", false), None);
    }
}
