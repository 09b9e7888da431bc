//! JSON-RPC 2.0 as OpenSIPS 4.0 speaks it: bytes in, bytes out, no IO.
//!
//! Differences from 4.0, all on the side of the specification: a batch is answered, a request that is
//! no request gets an error even without an id (the id is `null` then), and nothing kills the server.

use crate::guard::{Guard, Unguarded};
use crate::{Arg, ArgError, Args, CommandTable, Kind, MiData, MiReply, Param, Presence, Spec};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The most calls that a batch may have.
pub const MAX_BATCH: usize = 64;

/// The most bytes that the replies to a batch may have before its last one. What is behind them is not run.
pub const MAX_REPLIES: usize = 8 << 20;

/// What to send back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonAnswer {
    /// Nothing: it was a notification, which has been run.
    None,
    /// What was sent is no JSON. Carriers word that in their own ways: [`PARSE_ERROR`] over HTTP.
    ParseError,
    /// This: one line of JSON.
    Reply(String),
}

/// The reply to what is no JSON.
pub const PARSE_ERROR: &str =
    r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;

/// Runs what is asked and says what to send back.
///
/// A batch is run in its order, one after the other, up to [`MAX_REPLIES`]. Memory is a few times the request
/// and the replies: limit the size of requests before. Nesting is limited here.
///
/// ```
/// # use clusterer_mi::{CommandTable, JsonAnswer, jsonrpc};
/// # let table = CommandTable::new();
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let request = br#"{"jsonrpc":"2.0","method":"nope","id":"a"}"#;
/// let reply = r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":"a"}"#;
/// assert_eq!(jsonrpc::answer(&table, request).await, JsonAnswer::Reply(reply.into()));
/// # });
/// ```
pub async fn answer(table: &CommandTable, request: &[u8]) -> JsonAnswer {
    answer_guarded(table, request, &Unguarded).await
}

/// The same with commands watched over.
pub(crate) async fn answer_guarded(
    table: &CommandTable,
    request: &[u8],
    guard: &dyn Guard,
) -> JsonAnswer {
    let text = std::str::from_utf8(request).ok();
    let Some(whole) = text.and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) else {
        table.note_other();
        return JsonAnswer::ParseError;
    };
    if !whole.get().starts_with('[') {
        let reply = Call::parse(whole).answer(table, guard).await;
        return reply.map_or(JsonAnswer::None, JsonAnswer::Reply);
    }
    let calls = serde_json::from_str::<Vec<&RawValue>>(whole.get()).unwrap_or_default();
    if calls.is_empty() || calls.len() > MAX_BATCH {
        table.note_other();
        return JsonAnswer::Reply(Call::Invalid { id: "null" }.refuse());
    }
    let mut replies = Vec::new();
    let mut length = 0;
    for call in calls {
        let reply = match Call::parse(call) {
            Call::Valid { id: Some(id), .. } if length > MAX_REPLIES => {
                Some(RpcError::too_much().render(id))
            }
            call => call.answer(table, guard).await,
        };
        length += reply.as_ref().map_or(0, String::len);
        replies.extend(reply);
    }
    if replies.is_empty() {
        return JsonAnswer::None;
    }
    JsonAnswer::Reply(format!("[{}]", replies.join(",")))
}

/// One request, its id as it was written: so it is sent back, whatever a number may lose on the way.
enum Call<'a> {
    Valid { method: String, params: Params, id: Option<&'a str> },
    Invalid { id: &'a str },
}

/// Parameters before anybody knows what they mean.
enum Params {
    Named(Vec<(String, Value)>),
    Positional(Vec<Value>),
}

#[derive(Deserialize)]
struct RawCall<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// Tells `null` from absence.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

impl<'a> Call<'a> {
    fn parse(raw: &'a RawValue) -> Self {
        // A list would do for the members in their order.
        let object = Some(raw.get()).filter(|text| text.starts_with('{'));
        let Some(call) = object.and_then(|text| serde_json::from_str::<RawCall<'a>>(text).ok())
        else {
            return Self::Invalid { id: "null" };
        };
        let id = call.id.map(RawValue::get);
        // A list or an object is no id.
        if id.is_some_and(|id| id.starts_with(['[', '{', 't', 'f'])) {
            return Self::Invalid { id: "null" };
        }
        Self::read(&call, id).unwrap_or(Self::Invalid { id: id.unwrap_or("null") })
    }

    fn read(call: &RawCall<'a>, id: Option<&'a str>) -> Option<Self> {
        let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
        if text(call.jsonrpc?)? != "2.0" {
            return None;
        }
        let params = match call.params {
            None => Params::Positional(Vec::new()),
            Some(raw) => match serde_json::from_str(raw.get()).ok()? {
                Value::Array(values) => Params::Positional(values),
                Value::Object(members) => Params::Named(members.into_iter().collect()),
                _ => return None,
            },
        };
        Some(Self::Valid { method: text(call.method?)?, params, id })
    }

    /// Nothing for a notification, also for one that went wrong.
    async fn answer(self, table: &CommandTable, guard: &dyn Guard) -> Option<String> {
        let Self::Valid { method, params, id } = self else {
            table.note_other();
            return Some(self.refuse());
        };
        let result = run(table, guard, &method, params).await;
        let id = id?;
        Some(match result {
            Ok(data) => format!(r#"{{"jsonrpc":"2.0","result":{data},"id":{id}}}"#),
            Err(error) => error.render(id),
        })
    }

    fn refuse(&self) -> String {
        let id = match self {
            Self::Valid { id, .. } => id.unwrap_or("null"),
            Self::Invalid { id } => id,
        };
        RpcError::new(-32600, "Invalid Request").render(id)
    }
}

async fn run(
    table: &CommandTable,
    guard: &dyn Guard,
    method: &str,
    params: Params,
) -> Result<MiData, RpcError> {
    let Some(spec) = table.spec(method) else {
        table.note_other();
        return Err(RpcError::new(-32601, "Method not found"));
    };
    let args = bind(spec, params).inspect_err(|_| table.note_refused(spec))?;
    let run = Box::pin(async { table.run(spec.name, args).await.unwrap_or(MiReply::Failed) });
    match guard.watch(spec.name, run).await {
        MiReply::Answer { data: Some(data), .. } => Ok(data),
        MiReply::Answer { nodes, data: None } => Ok(MiData::of_nodes(&nodes)),
        MiReply::Error { code, reason } | MiReply::SilentError { code, reason } => {
            Err(RpcError::new(code.into(), reason))
        }
        MiReply::Failed => Err(RpcError::new(500, "Command failed")),
        MiReply::Refused(ArgError::Bad(position)) => {
            let name = spec.params.get(position).map_or("?", |param| param.name);
            Err(RpcError::new(400, format!("Bad value for '{name}'")))
        }
        MiReply::Refused(ArgError::Count) => Err(RpcError::params(COUNT)),
    }
}

const COUNT: &str = "Too few or too many parameters";
const NAMES: &str = "Named parameters do not match";

/// Brings parameters into the order of the command's own.
fn bind(spec: &Spec, params: Params) -> Result<Args, RpcError> {
    let mut slots: Vec<(&Param, Option<Value>)> =
        spec.params.iter().map(|param| (param, None)).collect();
    match params {
        Params::Positional(values) => {
            if values.len() > slots.len() {
                return Err(RpcError::params(COUNT));
            }
            for ((_, slot), value) in slots.iter_mut().zip(values) {
                *slot = Some(value);
            }
        }
        Params::Named(members) => {
            if members.len() > slots.len() {
                return Err(RpcError::params(COUNT));
            }
            for (name, value) in members {
                let slot = slots.iter_mut().find(|(param, _)| param.is_called(&name));
                match slot {
                    Some((_, slot @ None)) => *slot = Some(value),
                    _ => return Err(RpcError::params(NAMES)),
                }
            }
        }
    }
    // What is left out at the end is not there; what is left out before something is there and empty.
    while let Some((Param { presence: Presence::Optional, .. }, None)) = slots.last() {
        slots.pop();
    }
    slots.into_iter().map(|(param, value)| fill(param, value)).collect()
}

fn fill(param: &Param, value: Option<Value>) -> Result<Arg, RpcError> {
    let value = match value {
        Some(value) => text_of(param.kind, value)
            .ok_or_else(|| RpcError::params(format!("Bad type for parameter '{}'", param.name)))?,
        None => match param.presence {
            Presence::Default(default) => default.to_owned(),
            Presence::Optional => String::new(),
            Presence::Required => return Err(RpcError::params(COUNT)),
        },
    };
    Ok(Arg::named(param.name, value))
}

fn text_of(kind: Kind, value: Value) -> Option<String> {
    match (kind, value) {
        (_, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Some(number.to_string())
        }
        (Kind::Text, Value::String(text)) => Some(text),
        (Kind::Int, Value::String(text)) => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
            let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            whole.then_some(text)
        }
        _ => None,
    }
}

struct RpcError {
    code: i64,
    message: String,
    data: Option<String>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    fn params(why: impl Into<String>) -> Self {
        Self { data: Some(why.into()), ..Self::new(-32602, "Invalid params") }
    }

    fn too_much() -> Self {
        let why = format!("not run: the replies before have more than {MAX_REPLIES} bytes");
        Self { data: Some(why), ..Self::new(500, "Batch too large") }
    }

    fn render(self, id: &str) -> String {
        let data = self.data.map(|data| ("data", MiData::from(data)));
        let members = [("code", self.code.into()), ("message", self.message.into())];
        let error = MiData::object(members.into_iter().chain(data));
        format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#)
    }
}

#[cfg(test)]
#[path = "jsonrpc_tests.rs"]
mod tests;
