//! Requests as a client writes them.

use thiserror::Error;

use super::is_blank;
use super::parse::{MAX_HEAD, MAX_PARAMS};

/// The bytes of a request: `:COMMAND:REPLY`, a parameter a line, an empty line. An empty `reply`
/// asks for no answer.
///
/// Parameters are values, taken as they are: quotes are put around one that the other side would
/// read differently without (a newline, a quote at its start, blanks around it, a `::` in it).
///
/// ```
/// use clusterer_mi::encode_request;
///
/// let bytes = encode_request("rl_check", "reply", &["pipe one", " two"]);
/// assert_eq!(bytes.unwrap(), b":rl_check:reply\npipe one\n\" two\"\n\n");
/// ```
///
/// # Errors
/// When the text form cannot carry it.
pub fn encode_request(command: &str, reply: &str, params: &[&str]) -> Result<Vec<u8>, EncodeError> {
    if command.is_empty() || command.contains([':', '\n']) || ends_blank(command) {
        return Err(EncodeError::Command { name: command.to_owned() });
    }
    if reply.contains('\n') || ends_blank(reply) {
        return Err(EncodeError::Reply { name: reply.to_owned() });
    }
    let mut text = format!(":{command}:{reply}\n");
    if text.len() > MAX_HEAD {
        return Err(EncodeError::TooLong);
    }
    let head = text.len();
    for (position, param) in params.iter().enumerate() {
        text.push_str(&encode_param(position, param)?);
        text.push('\n');
    }
    if text.len() - head > MAX_PARAMS {
        return Err(EncodeError::TooLong);
    }
    text.push('\n');
    Ok(text.into_bytes())
}

/// Why a request cannot be written in the text form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A parameter that needs quotes ends with a backslash, which would escape the closing one.
    #[error(
        "parameter {position}: a value that needs quotes cannot end with a backslash in the text form"
    )]
    Backslash {
        /// Its place, from 1.
        position: usize,
    },
    /// The command name is empty, has a colon or newline in it, or blanks at its end.
    #[error("{name:?} cannot be the name of a command")]
    Command {
        /// The name.
        name: String,
    },
    /// A parameter is empty, which the text form has no way to write.
    #[error("parameter {position} is empty: the text form has no empty parameters")]
    Empty {
        /// Its place, from 1.
        position: usize,
    },
    /// The name of the reply FIFO has a newline in it, or blanks at its end.
    #[error("{name:?} cannot be the name of a reply FIFO")]
    Reply {
        /// The name.
        name: String,
    },
    /// The request is longer than a server takes.
    #[error(
        "the request is too long: a server takes {MAX_HEAD} bytes of command and reply name, \
         {MAX_PARAMS} bytes of parameters"
    )]
    TooLong,
}

fn encode_param(index: usize, value: &str) -> Result<String, EncodeError> {
    let position = index + 1;
    if value.is_empty() {
        return Err(EncodeError::Empty { position });
    }
    let starts_blank = value.bytes().next().is_some_and(is_blank);
    let plain = !(value.contains('\n')
        || value.contains("::")
        || value.starts_with('"')
        || starts_blank
        || ends_blank(value));
    if plain {
        return Ok(value.to_owned());
    }
    if value.ends_with('\\') {
        return Err(EncodeError::Backslash { position });
    }
    Ok(format!("\"{}\"", value.replace('"', "\\\"")))
}

fn ends_blank(text: &str) -> bool {
    text.bytes().next_back().is_some_and(is_blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_refused() {
        let error =
            |command: &str, params: &[&str]| encode_request(command, "r", params).unwrap_err();
        assert_eq!(error("a:b", &[]), EncodeError::Command { name: "a:b".into() });
        assert_eq!(error("", &[]), EncodeError::Command { name: String::new() });
        assert_eq!(error("c", &["1", ""]), EncodeError::Empty { position: 2 });
        assert_eq!(error("c", &["a\nb\\"]), EncodeError::Backslash { position: 1 });
        assert_eq!(error("c", &[&"x".repeat(MAX_PARAMS)]), EncodeError::TooLong);
        assert_eq!(error(&"c".repeat(MAX_HEAD), &[]), EncodeError::TooLong);
        assert!(encode_request("c", "r", &[&"x".repeat(MAX_PARAMS - 1)]).is_ok());
        assert!(encode_request("c", "a\nb", &[]).is_err());
    }
}
