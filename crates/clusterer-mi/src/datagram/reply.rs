//! What a datagram is answered.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::runner::json_error;
use crate::{JsonAnswer, MiReply, render_text};

/// To what is neither the text form nor JSON, as 4.0 words it.
pub(super) const PARSE_ERROR_JSON: &str = "400 Parse_error";
/// To what begins as the text form and does not go on like it.
pub(super) const PARSE_ERROR_TEXT: &str = "400 parse error in command\n";

/// A reply, and in which form the client wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Json(String),
    Text(String),
}

impl Reply {
    /// `None` after a notification.
    pub(super) fn of_json(answer: JsonAnswer) -> Option<Self> {
        match answer {
            JsonAnswer::None => None,
            JsonAnswer::ParseError => Some(Self::Text(PARSE_ERROR_JSON.to_owned())),
            JsonAnswer::Reply(reply) => Some(Self::Json(reply)),
        }
    }

    /// As over the FIFO, but for refusals, which name no command. `None` is a command that does not exist.
    pub(super) fn of_text(command: &str, reply: Option<&MiReply>) -> Self {
        Self::Text(match reply {
            None => "500 command not available\n".to_owned(),
            Some(MiReply::Failed) => "500 command failed\n".to_owned(),
            Some(reply) => render_text(command, reply),
        })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Json(reply) | Self::Text(reply) => reply.as_bytes(),
        }
    }

    /// What is sent in its place if it does not fit a datagram. The command has run all the same.
    pub(super) fn too_large(&self) -> Self {
        match self {
            Self::Json(reply) => {
                let why = format!("{} bytes do not fit a datagram", reply.len());
                Self::Json(json_error(500, "Reply too large", &why, id_of(reply)))
            }
            Self::Text(reply) => {
                Self::Text(format!("500 reply of {} bytes does not fit a datagram\n", reply.len()))
            }
        }
    }
}

/// The id in a JSON reply. Those to a batch have several: then it is `null`.
fn id_of(reply: &str) -> &str {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let object = Some(reply).filter(|reply| reply.starts_with('{'));
    let id = object.and_then(|reply| serde_json::from_str::<Id<'_>>(reply).ok());
    id.map_or("null", |reply| reply.id.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_the_place_of_a_reply_keep_its_id() {
        let error = |id: &str| {
            let error = r#"{"code":500,"message":"Reply too large","data":"41 bytes do not fit a datagram"}"#;
            Reply::Json(format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#))
        };
        let large = |reply: &str| Reply::Json(reply.into()).too_large();
        assert_eq!(large(r#"{"jsonrpc":"2.0","result":"OK","id":"ab"}"#), error("\"ab\""));
        assert_eq!(large(r#"[{"jsonrpc":"2.0","result":"OK","id":10}]"#), error("null"));
        let text = Reply::Text("200 OK\n\n".into()).too_large();
        assert_eq!(text, Reply::Text("500 reply of 8 bytes does not fit a datagram\n".into()));
    }
}
