//! What an answer is in JSON: a tree of plain values.

use crate::{MiNode, MiValue};

/// A value as JSON has them, whole numbers only. Members keep their order.
///
/// ```
/// use clusterer_mi::MiData;
///
/// let pipe = MiData::object([("id", MiData::from("inv")), ("limit", 100.into())]);
/// assert_eq!(pipe.get("limit"), Some(&MiData::Int(100)));
/// assert_eq!(pipe.to_string(), r#"{"id":"inv","limit":100}"#);
/// ```
///
/// Its text is compact JSON: one line, whatever the values hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MiData {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// Values in order.
    List(Vec<MiData>),
    /// Named values, each name once.
    Object(Vec<(String, MiData)>),
}

impl MiData {
    /// Named values. Of two with one name, the last counts.
    pub fn object<N: Into<String>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        let mut all: Vec<(String, Self)> = Vec::new();
        for (name, value) in members {
            let name = name.into();
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some((_, slot)) => *slot = value,
                None => all.push((name, value)),
            }
        }
        Self::Object(all)
    }

    /// Values in order.
    pub fn list<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }

    /// The member of that name, if this is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What an answer's nodes say, for commands that say nothing else: no nodes are `"OK"`; values alone
    /// are a list; names are members, a list where a name comes several times; a node with attributes or
    /// nodes below it is an object with its own value as `value`.
    pub fn of_nodes(nodes: &[MiNode]) -> Self {
        if nodes.is_empty() { Self::from("OK") } else { collect(nodes) }
    }
}

fn collect(nodes: &[MiNode]) -> MiData {
    if nodes.iter().all(|node| node.name.is_empty()) {
        return MiData::List(nodes.iter().map(single).collect());
    }
    let mut members: Vec<(&str, Vec<MiData>)> = Vec::new();
    for node in nodes {
        match members.iter_mut().find(|(name, _)| *name == node.name) {
            Some((_, values)) => values.push(single(node)),
            None => members.push((&node.name, vec![single(node)])),
        }
    }
    MiData::object(members.into_iter().map(|(name, mut values)| {
        let value = if values.len() == 1 { values.pop() } else { None };
        (name, value.unwrap_or(MiData::List(values)))
    }))
}

fn single(node: &MiNode) -> MiData {
    let value = MiData::from(node.value.clone());
    if node.attributes.is_empty() && node.children.is_empty() {
        return value;
    }
    let own = (node.value != MiValue::default()).then(|| ("value".to_owned(), value));
    let attributes =
        node.attributes.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    let below = match collect(&node.children) {
        MiData::Object(members) => members,
        MiData::List(items) if items.is_empty() => Vec::new(),
        other => vec![("items".to_owned(), other)],
    };
    MiData::object(own.into_iter().chain(attributes).chain(below))
}

impl From<MiValue> for MiData {
    fn from(value: MiValue) -> Self {
        match value {
            MiValue::Int(number) => Self::Int(number),
            MiValue::Text(text) => Self::Text(text),
        }
    }
}

impl From<bool> for MiData {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for MiData {
    /// Nothing is [`MiData::Null`].
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from_value {
    ($($type:ty),*) => {$(
        impl From<$type> for MiData {
            fn from(value: $type) -> Self {
                MiValue::from(value).into()
            }
        }
    )*};
}

from_value!(i32, i64, u32, u64, &str, String);

impl std::fmt::Display for MiData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => write_text(f, text),
            Self::List(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    write_text(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Control characters are escaped, and so are the separators that some readers take for line ends.
fn write_text(f: &mut std::fmt::Formatter<'_>, text: &str) -> std::fmt::Result {
    use std::fmt::Write as _;
    f.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\u{2028}' | '\u{2029}' => write!(f, "\\u{:04x}", u32::from(char))?,
            char if char.is_control() => write!(f, "\\u{:04x}", u32::from(char))?,
            char => f.write_char(char)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(nodes: &[MiNode]) -> String {
        MiData::of_nodes(nodes).to_string()
    }

    #[test]
    fn nodes_read_as_4_0_words_them() {
        assert_eq!(json(&[]), r#""OK""#);
        assert_eq!(json(&[MiNode::new("Server", "x (1)")]), r#"{"Server":"x (1)"}"#);
        let up = [MiNode::new("Now", "n"), MiNode::new("Up time", "2 [sec]")];
        assert_eq!(json(&up), r#"{"Now":"n","Up time":"2 [sec]"}"#);
        assert_eq!(json(&[MiNode::bare("uptime"), MiNode::bare("which")]), r#"["uptime","which"]"#);
    }

    #[test]
    fn nodes_with_more_are_objects_and_repeated_names_lists() {
        let server = |id: u32| MiNode::new("Server", id).with_attribute("State", 1);
        let one = MiNode::new("Cluster", 1).with_child(server(2)).with_child(server(3));
        assert_eq!(
            json(&[one]),
            r#"{"Cluster":{"value":1,"Server":[{"value":2,"State":1},{"value":3,"State":1}]}}"#
        );
        let pipe = MiNode::new("PIPE", "").with_attribute("id", "a");
        assert_eq!(json(&[pipe]), r#"{"PIPE":{"id":"a"}}"#);
        let nested = MiNode::bare("x").with_child(MiNode::bare(1)).with_child(MiNode::bare(2));
        assert_eq!(json(&[nested]), r#"[{"value":"x","items":[1,2]}]"#);
    }

    #[test]
    fn text_is_escaped_onto_one_line() {
        let evil = MiData::from("a\"\\\n\r\t\u{0}\u{7f}\u{85}\u{2028}é");
        assert_eq!(evil.to_string(), r#""a\"\\\n\r\t\u0000\u007f\u0085\u2028é""#);
    }

    #[test]
    fn the_last_of_two_members_counts() {
        let object =
            MiData::object([("a", MiData::Int(1)), ("b", true.into()), ("a", MiData::Null)]);
        assert_eq!(object.to_string(), r#"{"a":null,"b":true}"#);
        assert_eq!(MiData::from(Some(3)).to_string(), "3");
        assert_eq!(MiData::from(None::<i32>).get("a"), None);
    }
}
