//! What a datagram asks for.

use crate::runner::{MAX_JSON, too_long};
use crate::{Args, Request, TextParser};

use super::reply::{PARSE_ERROR_JSON, PARSE_ERROR_TEXT, Reply};

/// What is to be done about a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing, and nobody is told.
    Nothing,
    /// Run what this JSON text asks for.
    Json(Vec<u8>),
    /// Answer this.
    Say(Reply),
    /// Run a command.
    Text { command: String, args: Args },
}

impl Asked {
    /// A colon begins the text form; anything else is JSON, or wrong.
    pub(super) fn read(datagram: &[u8], is_cut: bool) -> Self {
        let first = datagram.iter().find(|byte| !byte.is_ascii_whitespace());
        match (datagram, first) {
            ([], _) => Self::Nothing,
            _ if is_reply(datagram) => Self::Nothing,
            ([b':', ..], _) => text(datagram, is_cut),
            (_, Some(b'{' | b'[')) if is_cut || datagram.len() > MAX_JSON => {
                Self::Say(Reply::Json(too_long()))
            }
            (_, Some(b'{' | b'[')) => Self::Json(datagram.to_owned()),
            _ => Self::Say(Reply::Text(PARSE_ERROR_JSON.to_owned())),
        }
    }
}

/// What the text parser takes for the end of the parameters ends them here too. Behind it nothing may
/// stand: a datagram is one request.
fn text(datagram: &[u8], is_cut: bool) -> Asked {
    let mut parser = TextParser::new();
    let mut rest = datagram;
    // The second newline ends the parameters, the first the line that may be open before it.
    let item = parser.next(&mut rest).or_else(|| parser.next(&mut b"\n\n".as_slice()));
    match item {
        Some(Ok(Request { command, args, .. }))
            if !is_cut && rest.iter().all(u8::is_ascii_whitespace) =>
        {
            Asked::Text { command, args }
        }
        _ => Asked::Say(Reply::Text(PARSE_ERROR_TEXT.to_owned())),
    }
}

/// Whether it is what servers like this one answer. With a forged sender, two of them would otherwise
/// answer each other for ever.
fn is_reply(datagram: &[u8]) -> bool {
    const TEXT: usize = "400 ".len();
    if let Some([code @ .., b' ']) = datagram.get(..TEXT)
        && code.iter().all(u8::is_ascii_digit)
    {
        return true;
    }
    let json = datagram.strip_prefix(b"[").unwrap_or(datagram);
    let member = json.strip_prefix(br#"{"jsonrpc":"2.0",""#);
    member.is_some_and(|it| it.starts_with(br#"result":"#) || it.starts_with(br#"error":"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `command value value`, or the error.
    fn read(datagram: &str) -> String {
        match Asked::read(datagram.as_bytes(), false) {
            Asked::Nothing => "nothing".into(),
            Asked::Json(text) => format!("json {}", String::from_utf8(text).unwrap()),
            Asked::Say(Reply::Text(text) | Reply::Json(text)) => text,
            Asked::Text { command, args } => {
                let values = args.iter().map(|arg| arg.value.as_str());
                [command.as_str()].into_iter().chain(values).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn the_text_form_ends_with_the_datagram() {
        for (datagram, asked) in [
            (":set:\n1\n 2 \r\nproto::bin\n", "set 1 2 bin"),
            (":set:\n1\n2", "set 1 2"),
            (":set:\n1\n\n", "set 1"),
            (":set:\n1\n\n \r\n", "set 1"),
            (":set:\n\"a\n\nb\"", "set a\n\nb"),
            (":set:", "set"),
            (":set", "set"),
            (":set:reply\n\n", "set"),
            (":set\n", "set"),
        ] {
            assert_eq!(read(datagram), asked, "{datagram:?}");
        }
        for wrong in [
            ":",
            "::",
            ":\n",
            "::\n1\n",
            ":set:\n\"\"\n",
            ":set:\n\"a",
            ":set:\n\"a\" b",
            ":a:\n\n:b:\n",
        ] {
            assert_eq!(read(wrong), "400 parse error in command\n", "{wrong:?}");
        }
        let long = format!(":set:\n{}\n", "x".repeat(crate::MAX_PARAMS));
        assert_eq!(read(&long), "400 parse error in command\n");
        assert_eq!(read(&long.replacen('x', "", 1)).len(), "set ".len() + crate::MAX_PARAMS - 1);
    }

    #[test]
    fn what_is_no_text_is_json_or_wrong() {
        assert_eq!(read("{"), "json {");
        assert_eq!(read(" \r\n[1"), "json  \r\n[1");
        for wrong in ["garbage", " ", "\0", "\"a\"", " :which:\n", "4000 a"] {
            assert_eq!(read(wrong), "400 Parse_error", "{wrong:?}");
        }
        assert_eq!(read(""), "nothing");
    }

    #[test]
    fn replies_are_not_answered() {
        for reply in [
            PARSE_ERROR_JSON,
            PARSE_ERROR_TEXT,
            "200 OK\n\n",
            crate::jsonrpc::PARSE_ERROR,
            r#"{"jsonrpc":"2.0","result":"OK","id":1}"#,
            r#"[{"jsonrpc":"2.0","result":"OK","id":1}]"#,
            &too_long(),
        ] {
            assert_eq!(read(reply), "nothing", "{reply}");
        }
    }

    #[test]
    fn what_was_cut_is_refused() {
        let cut = |datagram: &[u8]| Asked::read(datagram, true);
        let parse_error = Asked::Say(Reply::Text(PARSE_ERROR_TEXT.into()));
        assert_eq!(cut(b":which:\n"), parse_error);
        assert_eq!(cut(b"{}"), Asked::Say(Reply::Json(too_long())));
        assert_eq!(cut(b"x"), Asked::Say(Reply::Text(PARSE_ERROR_JSON.into())));
    }

    proptest! {
        #[test]
        fn anything_is_understood_or_refused(datagram in "[:{\\[\"\n\\\\ a1é\u{0}]{0,40}") {
            let asked = Asked::read(datagram.as_bytes(), false);
            prop_assert_eq!(asked == Asked::Nothing, datagram.is_empty());
        }

        #[test]
        fn what_is_encoded_for_a_fifo_reads_the_same_here(
            values in proptest::collection::vec("[ -~\n\t\ré]{1,30}", 0..6)
        ) {
            let params: Vec<&str> = values.iter().map(String::as_str).collect();
            if let Ok(request) = crate::encode_request("c", "r", &params) {
                let asked = Asked::Text { command: "c".into(), args: Args::positional(values) };
                prop_assert_eq!(Asked::read(&request, false), asked);
            }
        }
    }
}
