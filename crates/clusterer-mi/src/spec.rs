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
    /// Its parameters, in order.
    pub params: &'static [Param],
    /// One line that says what it does.
    pub doc: &'static str,
}

impl Spec {
    /// Describes a command.
    pub const fn new(name: &'static str, params: &'static [Param], doc: &'static str) -> Self {
        Self { name, params, doc }
    }
}

/// One parameter of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Param {
    /// Its name; the text form ignores names, order counts there.
    pub name: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
    /// A few words that say what it means.
    pub doc: &'static str,
}

impl Param {
    /// A parameter that must be given.
    pub const fn required(name: &'static str, doc: &'static str) -> Self {
        Self { name, optional: false, doc }
    }

    /// A parameter that may be left out.
    pub const fn optional(name: &'static str, doc: &'static str) -> Self {
        Self { name, optional: true, doc }
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
