//! The text form of requests and replies, as 2.x scripts know it. Bytes in, values out, no IO.

mod answer;
mod encode;
mod parse;
mod render;

pub use answer::{AnswerError, TextAnswer};
pub use encode::{EncodeError, encode_request};
pub use parse::{MAX_HEAD, MAX_PARAMS, Request, TextError, TextErrorKind, TextParser};
pub use render::{render_parse_error, render_text, render_unknown};

/// The blanks that the text form trims; a newline ends a line and is none.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}
