//! Values of 2.2 as those of our TOML.

use super::db_url;
use super::statement::Value;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

/// What a key takes. The daemon has the same rules, and the tests hand it what is made here.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A user or a group, by name or number.
    Account,
    Algorithm,
    DbUrl,
    /// On or off.
    Flag,
    /// A whole number from the first to the second.
    Integer(i64, i64),
    /// Permission bits.
    Mode,
    /// An absolute path.
    Path,
    /// A path or a UDP address.
    Socket,
    /// The name of a table or a column.
    SqlName,
}

/// A value as it is written. May hold a password.
pub(super) struct Written {
    pub(super) toml: String,
    /// What a reader should know of it.
    pub(super) notes: Vec<String>,
}

impl Written {
    fn plain(toml: impl ToString) -> Self {
        Self { toml: toml.to_string(), notes: Vec::new() }
    }
}

impl Kind {
    /// # Errors
    /// What is wrong with it, without the text of a string.
    pub(super) fn write(self, value: &Value) -> Result<Written, String> {
        match self {
            Self::Account => account(value),
            Self::Algorithm => algorithm(text(value)?),
            Self::DbUrl => {
                let translated = db_url::translate(text(value)?).map_err(|it| it.to_string())?;
                let notes = translated.notes.into_iter().map(str::to_owned).collect();
                Ok(Written { toml: quoted(&translated.url)?, notes })
            }
            Self::Flag => match integer(value)? {
                0 => Ok(Written::plain(false)),
                1 => Ok(Written::plain(true)),
                other => Err(format!("{other}, expected 0 or 1")),
            },
            Self::Integer(least, most) => match integer(value)? {
                number if (least..=most).contains(&number) => Ok(Written::plain(number)),
                number => Err(format!("{number}, expected an integer from {least} to {most}")),
            },
            Self::Mode => mode(value),
            Self::Path => {
                let text = text(value)?;
                if !is_path(text) {
                    return Err("no absolute path".to_owned());
                }
                Ok(Written::plain(quoted(text)?))
            }
            Self::Socket => {
                let text = text(value)?;
                if !is_path(text) && udp(text).is_none() {
                    return Err(
                        "neither an absolute path nor udp:ADDRESS:PORT (a name is none, an \
                                IPv6 address stands in brackets)"
                            .to_owned(),
                    );
                }
                Ok(Written::plain(quoted(text)?))
            }
            Self::SqlName => {
                let text = text(value)?;
                if !is_sql_name(text) {
                    return Err("no plain name, expected at most 63 ASCII letters, digits and \
                                underscores, no digit first"
                        .to_owned());
                }
                Ok(Written::plain(quoted(text)?))
            }
        }
    }
}

/// A UDP address as `socket_name` says it.
pub(super) fn udp(text: &str) -> Option<SocketAddr> {
    let (protocol, address) = text.split_once(':')?;
    if protocol.eq_ignore_ascii_case("udp") { address.parse().ok() } else { None }
}

pub(super) fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => text.as_str().ok_or_else(|| "not UTF-8".to_owned()),
        Value::Integer { .. } => Err("an integer, expected a string in quotes".to_owned()),
    }
}

/// Digits in quotes are one, too: the manual of 2.2 calls some of these parameters strings.
pub(super) fn integer(value: &Value) -> Result<i64, String> {
    match value {
        Value::Integer { number, .. } => Ok(*number),
        Value::Text(text) => text
            .as_str()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| "a string, expected an integer".to_owned()),
    }
}

fn account(value: &Value) -> Result<Written, String> {
    let name = match value {
        Value::Integer { number, .. } => number.to_string(),
        Value::Text(_) => text(value)?.to_owned(),
    };
    let graphic = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let is_id = || name.parse().is_ok_and(|id: u32| id != u32::MAX);
    if name.is_empty() || !name.bytes().all(graphic) || name.starts_with('-') {
        Err("no name and no number of a user or a group".to_owned())
    } else if is_number && !is_id() {
        Err("an id that is too large".to_owned())
    } else {
        Ok(Written::plain(quoted(&name)?))
    }
}

fn algorithm(text: &str) -> Result<Written, String> {
    match text.to_ascii_uppercase().as_str() {
        name @ ("RED" | "TAILDROP") => Ok(Written::plain(quoted(name)?)),
        name @ "SBT" => Ok(Written {
            toml: quoted(name)?,
            notes: vec![
                "this node sends the sum of its own window; 2.2 adds what others sent, so that nodes \
                 count each other's calls again and again"
                    .to_owned(),
            ],
        }),
        "FEEDBACK" | "NETWORK" => {
            Err("this algorithm needs what only a SIP server measures (FEEDBACK, NETWORK): expected \
                 TAILDROP, RED or SBT"
                .to_owned())
        }
        _ => Err("unknown algorithm, expected TAILDROP, RED or SBT".to_owned()),
    }
}

fn mode(value: &Value) -> Result<Written, String> {
    const EXPECTED: &str = "expected permission bits, in octal with a 0 before it, such as 0660";
    let Value::Integer { number, is_octal } = value else {
        return Err(format!("a string, {EXPECTED}"));
    };
    if !(0..=0o777).contains(number) {
        return Err(format!("more than 0777, {EXPECTED}"));
    }
    let note = || format!("{number} without a 0 before it is decimal, in 2.2 too: {number:#o}");
    Ok(Written {
        toml: format!("{number:#o}"),
        notes: (!is_octal && *number != 0).then(note).into_iter().collect(),
    })
}

fn is_path(text: &str) -> bool {
    Path::new(text).is_absolute() && !text.contains('\0')
}

fn is_sql_name(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let other = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 63 && text.as_bytes().first().is_some_and(first) && text.bytes().all(other)
}

/// A string of TOML.
fn quoted(text: &str) -> Result<String, String> {
    if text.contains("${") {
        return Err("${ would stand for a variable of the environment here".to_owned());
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    Ok(quoted)
}
