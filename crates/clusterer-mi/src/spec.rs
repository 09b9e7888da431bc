//! What a command is: its description and the code behind it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Args, MiReply};

/// A boxed future, as trait objects need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A management command.
///
/// `run` is called on the thread of whichever transport took the request, possibly for several
/// requests at once. It should answer within seconds: a transport gives up on a command that does
/// not, by dropping the future.
pub trait MiCommand: Send + Sync {
    /// The command's name, parameters and one line about it.
    fn spec(&self) -> &Spec;

    /// Runs the command.
    fn run(&self, args: Args) -> BoxFuture<'_, MiReply>;
}

/// The description of a command, from which `which` and the reference are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spec {
    /// The name by which clients call it, such as `clusterer_list`.
    pub name: &'static str,
    /// The name that OpenSIPS 4.0 gave it, such as `clusterer:list`. Both are answered.
    pub new_name: Option<&'static str>,
    /// Its parameters, in order.
    pub params: &'static [Param],
    /// One line that says what it does.
    pub doc: &'static str,
}

impl Spec {
    /// Describes a command.
    pub const fn new(name: &'static str, params: &'static [Param], doc: &'static str) -> Self {
        Self { name, new_name: None, params, doc }
    }

    /// Adds the name by which clients of OpenSIPS 4.0 know it: `MODULE:COMMAND`.
    #[must_use]
    pub const fn also(self, new_name: &'static str) -> Self {
        Self { new_name: Some(new_name), ..self }
    }

    /// Its names, the old one first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [Some(self.name), self.new_name].into_iter().flatten()
    }

    /// Whether this is one of its names.
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }
}

/// One parameter of a command.
///
/// ```
/// use clusterer_mi::{Kind, Param, Presence};
///
/// const STATUS: &[Param] = &[
///     Param::required("machine_id", "the machine").int().alias("node_id"),
///     Param::required("protocol", "its protocol").or("bin"),
/// ];
/// assert_eq!(STATUS[0].kind, Kind::Int);
/// assert_eq!(STATUS[1].presence, Presence::Default("bin"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Param {
    /// Its name; the text form ignores names, order counts there.
    pub name: &'static str,
    /// Another name for it, which OpenSIPS 4.0 uses.
    pub alias: Option<&'static str>,
    /// What JSON may give for it.
    pub kind: Kind,
    /// Whether it may be left out.
    pub presence: Presence,
    /// A few words that say what it means.
    pub doc: &'static str,
}

/// What a parameter is in JSON. In the text form, everything is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A whole number, or a text that is one.
    Int,
    /// A text, or a whole number, which is taken as its digits.
    Text,
}

/// Whether a parameter may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Presence {
    /// It may.
    Optional,
    /// It must be there.
    Required,
    /// It must be there in the text form, as 2.2 has it. JSON may leave it out: this is then meant.
    Default(&'static str),
}

impl Kind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Int => "integer",
            Self::Text => "text",
        }
    }
}

impl Presence {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Required | Self::Default(_) => "required",
        }
    }
}

impl Param {
    /// A text that must be given.
    pub const fn required(name: &'static str, doc: &'static str) -> Self {
        Self { name, alias: None, kind: Kind::Text, presence: Presence::Required, doc }
    }

    /// A text that may be left out.
    pub const fn optional(name: &'static str, doc: &'static str) -> Self {
        Self { presence: Presence::Optional, ..Self::required(name, doc) }
    }

    /// The same as a whole number.
    #[must_use]
    pub const fn int(self) -> Self {
        Self { kind: Kind::Int, ..self }
    }

    /// The same with another name beside its own.
    #[must_use]
    pub const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// The same, meant to be `default` where JSON leaves it out.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self { presence: Presence::Default(default), ..self }
    }

    /// Whether this is its name, or the other.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.alias == Some(name)
    }
}

/// Makes a command of a description and an async function.
///
/// ```
/// use clusterer_mi::{Args, MiReply, Spec, command};
///
/// let pwd = command(Spec::new("pwd", &[], "Prints the working directory"), |_: Args| async {
///     MiReply::ok()
/// });
/// assert_eq!(pwd.spec().name, "pwd");
/// ```
pub fn command<F, R>(spec: Spec, run: F) -> Arc<dyn MiCommand>
where
    F: Fn(Args) -> R + Send + Sync + 'static,
    R: Future<Output = MiReply> + Send + 'static,
{
    Arc::new(FnCommand { spec, run })
}

struct FnCommand<F> {
    spec: Spec,
    run: F,
}

impl<F, R> MiCommand for FnCommand<F>
where
    F: Fn(Args) -> R + Send + Sync,
    R: Future<Output = MiReply> + Send + 'static,
{
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn run(&self, args: Args) -> BoxFuture<'_, MiReply> {
        Box::pin((self.run)(args))
    }
}
