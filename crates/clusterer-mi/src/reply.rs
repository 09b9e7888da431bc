//! The answer of a command: one value, which a transport renders.

use crate::{ArgError, MiData};

/// What a command answers.
///
/// ```
/// use clusterer_mi::{MiNode, MiReply, render_text};
///
/// let reply = MiReply::ok().with_node(
///     MiNode::new("Cluster", 1).with_child(MiNode::new("Server", 2).with_attribute("State", 1)),
/// );
/// assert_eq!(render_text("clusterer_list", &reply), "200 OK\nCluster:: 1\n\tServer:: 2 State=1\n\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MiReply {
    /// It is done, and this is what there is to say.
    Answer {
        /// The lines of the text form.
        nodes: Vec<MiNode>,
        /// The same for JSON, where that is not simply what the nodes say.
        data: Option<MiData>,
    },
    /// It is refused, or went wrong.
    Error {
        /// 4xx and 5xx as SIP has them.
        code: u16,
        /// A few words.
        reason: String,
    },
    /// The command broke down and has nothing to say.
    Failed,
    /// The parameters are not what the command takes.
    Refused(ArgError),
    /// An error that a 2.2 node answers with `200 OK`, such as an unknown machine in
    /// `clusterer_set_status`: the text form keeps that promise to old scripts, JSON tells the code and
    /// the reason.
    SilentError {
        /// 404 for something that does not exist.
        code: u16,
        /// What was wrong.
        reason: String,
    },
}

impl MiReply {
    /// `200 OK` without nodes.
    pub const fn ok() -> Self {
        Self::Answer { nodes: Vec::new(), data: None }
    }

    /// A refusal: a code and a reason.
    pub fn error(code: u16, reason: impl Into<String>) -> Self {
        Self::Error { code, reason: reason.into() }
    }

    /// Adds a node to an answer; other replies have none and stay as they are.
    #[must_use]
    pub fn with_node(self, node: MiNode) -> Self {
        self.with_nodes([node])
    }

    /// Adds nodes to an answer; other replies have none and stay as they are.
    #[must_use]
    pub fn with_nodes(mut self, more: impl IntoIterator<Item = MiNode>) -> Self {
        if let Self::Answer { nodes, .. } = &mut self {
            nodes.extend(more);
        }
        self
    }

    /// Says what JSON has instead of the nodes; replies that are no answers stay as they are.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<MiData>) -> Self {
        if let Self::Answer { data: slot, .. } = &mut self {
            *slot = Some(data.into());
        }
        self
    }
}

impl From<ArgError> for MiReply {
    fn from(error: ArgError) -> Self {
        Self::Refused(error)
    }
}

/// A node of an answer: in the text form, one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MiNode {
    /// What it is, such as `Server`. Empty: the value stands alone.
    pub name: String,
    /// Its value, may be empty.
    pub value: MiValue,
    /// Names and values that follow on the same line.
    pub attributes: Vec<(String, MiValue)>,
    /// Nodes below this one.
    pub children: Vec<MiNode>,
}

impl MiNode {
    /// A node with a name and a value.
    pub fn new(name: impl Into<String>, value: impl Into<MiValue>) -> Self {
        Self { name: name.into(), value: value.into(), ..Self::default() }
    }

    /// A node with a value only, as the lines of `which`.
    pub fn bare(value: impl Into<MiValue>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<MiValue>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// Adds a node below this one.
    #[must_use]
    pub fn with_child(mut self, child: MiNode) -> Self {
        self.children.push(child);
        self
    }
}

/// A value in an answer. The text form does not show which kind it is, others do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MiValue {
    /// A whole number.
    Int(i64),
    /// Anything else.
    Text(String),
}

impl Default for MiValue {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl From<i64> for MiValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for MiValue {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for MiValue {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u64> for MiValue {
    /// A counter beyond `i64::MAX`, which takes centuries to reach, is shown as `i64::MAX`.
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for MiValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for MiValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
