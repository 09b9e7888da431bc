//! The management commands that need nothing but the pipes.

use crate::{Algorithm, CheckError, PipeStatus, RateLimit};
use clusterer_mi::{ArgError, Args, MiCommand, MiData, MiNode, MiReply, Param, Spec, command};
use clusterer_node::Moment;
use std::sync::Arc;

const LIST: Spec = Spec::new(
    "rl_list",
    &[Param::optional("pipe", "the pipe to show: all if left out")],
    "Lists the pipes and what the cluster counted in the last tick",
)
.also("ratelimit:list");
const RESET: Spec = Spec::new(
    "rl_reset_pipe",
    &[Param::required("pipe", "the pipe to reset")],
    "Forgets what this node counted in a pipe since the last tick",
)
.also("ratelimit:reset_pipe");
const CHECK: Spec = Spec::new(
    "rl_check",
    &[
        Param::required("pipe", "the pipe to count into, made if there is none"),
        Param::required("limit", "calls per second; SBT: per window").int(),
        Param::optional("algorithm", "TAILDROP, RED or SBT, for a pipe that is made"),
    ],
    "Counts one call into a pipe and tells whether it is allowed or limited",
)
.also("ratelimit:check");

/// `rl_list`, `rl_reset_pipe` and `rl_check`, to be added to a command table.
///
/// `clock` tells the present, on the clock that drives `limits`. Pipes are listed in order of name;
/// bytes of a name that are no UTF-8 are shown as U+FFFD. `drop_rate`, in 2.2 the figure of the
/// controller of FEEDBACK pipes, is 0.
pub fn mi_commands(
    limits: &RateLimit,
    clock: impl Fn() -> Moment + Clone + Send + Sync + 'static,
) -> [Arc<dyn MiCommand>; 3] {
    let with_limits = |run: fn(&RateLimit, Moment, &Args) -> Result<MiReply, ArgError>| {
        let (limits, clock) = (limits.clone(), clock.clone());
        move |args: Args| {
            let reply = run(&limits, clock(), &args).unwrap_or_else(MiReply::from);
            async move { reply }
        }
    };
    [
        command(LIST, with_limits(list)),
        command(RESET, with_limits(reset)),
        command(CHECK, with_limits(check)),
    ]
}

fn list(limits: &RateLimit, now: Moment, args: &Args) -> Result<MiReply, ArgError> {
    let pipes = match args.get(0) {
        None | Some("") => limits.list(now),
        Some(name) => match limits.pipe(now, name.as_bytes()) {
            Some(pipe) => vec![pipe],
            None => return Ok(MiReply::Failed),
        },
    };
    let drop_rate = line().with_attribute("drop_rate", 0);
    let data =
        [("Pipes", MiData::List(pipes.iter().map(pipe_data).collect())), ("drop_rate", 0.into())];
    Ok(MiReply::ok()
        .with_nodes(pipes.iter().map(show))
        .with_node(drop_rate)
        .with_data(MiData::object(data)))
}

fn reset(limits: &RateLimit, _: Moment, args: &Args) -> Result<MiReply, ArgError> {
    let name = args.required(0)?;
    limits.reset(name.as_bytes()).map(|()| MiReply::ok()).map_err(|_| ArgError::Bad(0))
}

fn check(limits: &RateLimit, now: Moment, args: &Args) -> Result<MiReply, ArgError> {
    let name = args.required(0)?;
    let limit = args.number(1, 0..=i32::MAX.unsigned_abs())?;
    let limit = i32::try_from(limit).map_err(|_| ArgError::Bad(1))?;
    let algorithm: Option<Algorithm> = match args.get(2) {
        None => None,
        Some(_) => Some(args.parsed(2)?),
    };
    Ok(match limits.check(now, name.as_bytes(), limit, algorithm) {
        Ok(decision) => {
            let decision = if decision.is_allowed() { "allowed" } else { "limited" };
            MiReply::ok().with_node(MiNode::new("Decision", decision))
        }
        Err(error @ CheckError::TooManyPipes { .. }) => MiReply::error(500, error.to_string()),
        Err(error) => MiReply::error(400, error.to_string()),
    })
}

fn pipe_data(pipe: &PipeStatus) -> MiData {
    MiData::object([
        ("id", MiData::from(String::from_utf8_lossy(&pipe.name).into_owned())),
        ("algorithm", pipe.algorithm.name().into()),
        ("limit", pipe.limit.into()),
        ("counter", pipe.counter.into()),
    ])
}

fn show(pipe: &PipeStatus) -> MiNode {
    line()
        .with_attribute("id", String::from_utf8_lossy(&pipe.name).into_owned())
        .with_attribute("algorithm", pipe.algorithm.name())
        .with_attribute("limit", pipe.limit)
        .with_attribute("counter", pipe.counter)
}

fn line() -> MiNode {
    MiNode::new("PIPE", "")
}
