//! Replies in the text form, byte for byte as a 2.2 node writes them.
//!
//! Values come from databases and peers, so a control character in one is written as an escape
//! (`\n`, `\r`, `\t`, else `\u{..}`): it can neither end a line nor indent one. A backslash stays as
//! it is, as on a 2.2 node, so escapes cannot be told from text that looks like one. A value can
//! still contain `State=1` or `Server:: 9` in its own line; programs that must not be fooled by that
//! should use a structured form.

use crate::{MiNode, MiReply, MiValue};

/// The reply of a command: `CODE REASON`, a line a node with a tab of indent a level, an empty line.
/// A breakdown has its own line and nothing after it.
pub fn render_text(command: &str, reply: &MiReply) -> String {
    match reply {
        MiReply::Answer { nodes, .. } => {
            let mut out = String::from("200 OK\n");
            for node in nodes {
                push_node(&mut out, node, 0);
            }
            out.push('\n');
            out
        }
        MiReply::Error { code, reason } => {
            let mut out = format!("{code} ");
            push_escaped(&mut out, reason);
            out.push_str("\n\n");
            out
        }
        MiReply::Refused(error) => format!("400 {error}\n\n"),
        MiReply::Failed => refusal(500, "command", command, " failed"),
        MiReply::SilentError { .. } => render_text(command, &MiReply::ok()),
    }
}

/// The reply to a command that does not exist.
pub fn render_unknown(command: &str) -> String {
    refusal(500, "command", command, " not available")
}

/// The reply to a request whose parameters cannot be read.
pub fn render_parse_error(command: &str) -> String {
    refusal(400, "parse error in command", command, "")
}

fn refusal(code: u16, before: &str, command: &str, after: &str) -> String {
    let mut out = format!("{code} {before} '");
    push_escaped(&mut out, command);
    out.push('\'');
    out.push_str(after);
    out.push('\n');
    out
}

/// A node without name, value and attributes has no line: an empty one would end the reply.
fn push_node(out: &mut String, node: &MiNode, depth: usize) {
    let start = out.len();
    if !node.name.is_empty() {
        push_escaped(out, &node.name);
        out.push_str(":: ");
    }
    push_value(out, &node.value);
    for (name, value) in &node.attributes {
        out.push(' ');
        push_escaped(out, name);
        out.push('=');
        push_value(out, value);
    }
    if out.len() > start {
        out.insert_str(start, &"\t".repeat(depth));
        out.push('\n');
    }
    for child in &node.children {
        push_node(out, child, depth.saturating_add(1));
    }
}

fn push_value(out: &mut String, value: &MiValue) {
    match value {
        MiValue::Int(number) => out.push_str(&number.to_string()),
        MiValue::Text(text) => push_escaped(out, text),
    }
}

fn push_escaped(out: &mut String, text: &str) {
    for char in text.chars() {
        // Line and paragraph separators are no control characters, yet some readers split at them.
        if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_leaves_two_blanks() {
        let pipe = MiNode::new("PIPE", "").with_attribute("id", "inv").with_attribute("limit", 100);
        let reply = MiReply::ok().with_node(pipe);
        assert_eq!(render_text("rl_list", &reply), "200 OK\nPIPE::  id=inv limit=100\n\n");
    }

    #[test]
    fn values_cannot_forge_lines() {
        let evil = "x\n200 OK\r\n\tServer:: 9\u{85}\u{7f}\u{2028}\u{1b}[2J\\n é";
        let reply = MiReply::ok().with_node(
            MiNode::new("a\nb", evil).with_attribute("c\nd", evil).with_child(MiNode::bare("\t\n")),
        );
        let text = render_text("c", &reply);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.trim_end().chars().any(|char| char.is_control() && !"\n\t".contains(char)));
        assert!(
            text.contains("x\\n200 OK\\r\\n\\tServer:: 9\\u{85}\\u{7f}\\u{2028}\\u{1b}[2J\\n é")
        );
        assert!(text.ends_with("\n\t\\t\\n\n\n"), "{text:?}");
        assert_eq!(render_unknown("a\rb"), "500 command 'a\\rb' not available\n");
    }

    #[test]
    fn an_empty_node_does_not_end_the_reply() {
        let empty = MiNode::bare("").with_child(MiNode::bare("child"));
        assert_eq!(render_text("c", &MiReply::ok().with_node(empty)), "200 OK\n\tchild\n\n");
    }

    #[test]
    fn refusals_have_no_empty_line() {
        assert_eq!(render_text("c", &MiReply::Failed), "500 command 'c' failed\n");
        assert_eq!(render_unknown("c"), "500 command 'c' not available\n");
        assert_eq!(render_parse_error("c"), "400 parse error in command 'c'\n");
    }

    #[test]
    fn a_silent_error_looks_like_success() {
        let reply = MiReply::SilentError { code: 404, reason: "Unknown machine".into() };
        assert_eq!(render_text("clusterer_set_status", &reply), "200 OK\n\n");
    }
}
