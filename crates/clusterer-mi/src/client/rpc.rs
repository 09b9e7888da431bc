//! What a call says, and what its reply means.

use super::http::Response;
use super::{CallError, ClientError, Refusal, Target};
use crate::MiData;

/// A connection, a FIFO or a socket is there for one call only, so this tells nothing apart. It is there
/// because a call without an id has no reply.
const ID: i64 = 1;

pub(super) fn request(method: &str, params: &MiData) -> Result<String, ClientError> {
    let params = match params {
        MiData::Null => None,
        MiData::List(_) | MiData::Object(_) => Some(("params", params.clone())),
        _ => return Err(ClientError::Params),
    };
    let call = [("jsonrpc", "2.0".into()), ("method", method.into())];
    let id = [("id", ID.into())];
    Ok(MiData::object(call.into_iter().chain(params).chain(id)).to_string())
}

pub(super) fn result(target: &Target, reply: &str) -> Result<MiData, CallError> {
    let Some(members) = answer(reply) else {
        return Err(not_mi(target, &excerpt(reply)));
    };
    if let Some(result) = members.get("result") {
        return Ok(result.clone());
    }
    match refusal(&members) {
        Some(refusal) => Err(CallError::Refused(refusal)),
        None => Err(not_mi(target, &excerpt(reply))),
    }
}

/// JSON-RPC comes with 200 whatever it says. What an HTTP server says about the request itself is a refusal,
/// but for a path that it does not have.
pub(super) fn result_over_http(target: &Target, response: &Response) -> Result<MiData, CallError> {
    let Response { status, reason, body } = response;
    if *status == 200 || answer(body).is_some() {
        return result(target, body);
    }
    match status {
        400..=403 | 406..=599 => Err(CallError::Refused(Refusal {
            code: (*status).into(),
            message: if reason.is_empty() { "HTTP".to_owned() } else { reason.clone() },
            data: body.lines().next().map(|line| shorten(line.trim()).into()),
        })),
        _ => Err(not_mi(target, &format!("{status} {reason}"))),
    }
}

/// The members of a JSON-RPC response that may be ours. A server that could not read the request does not
/// know its id.
fn answer(reply: &str) -> Option<MiData> {
    let data = MiData::parse(reply).ok()?;
    let version = data.get("jsonrpc") == Some(&MiData::from("2.0"));
    let ours = matches!(data.get("id"), Some(MiData::Int(ID) | MiData::Null));
    (version && ours).then_some(data)
}

fn refusal(answer: &MiData) -> Option<Refusal> {
    let error = answer.get("error")?;
    let (Some(MiData::Int(code)), Some(MiData::Text(message))) =
        (error.get("code"), error.get("message"))
    else {
        return None;
    };
    Some(Refusal { code: *code, message: message.clone(), data: error.get("data").cloned() })
}

fn not_mi(target: &Target, why: &str) -> CallError {
    ClientError::NotMi { target: target.clone(), why: why.to_owned() }.into()
}

/// Quoted, so that nothing in it moves a cursor.
fn excerpt(reply: &str) -> String {
    format!("{:?}", shorten(reply))
}

fn shorten(text: &str) -> String {
    text.chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target::fifo("/x")
    }

    fn result_of(reply: &str) -> Result<String, String> {
        result(&target(), reply).map(|it| it.to_string()).map_err(|it| it.to_string())
    }

    #[test]
    fn requests_in_order_by_name_and_without_parameters() {
        let written = |params: MiData| request("m", &params).map_err(|it| it.to_string());
        let [head, tail] = [r#"{"jsonrpc":"2.0","method":"m""#, r#","id":1}"#];
        assert_eq!(written(MiData::Null), Ok(format!("{head}{tail}")));
        assert_eq!(
            written(MiData::list(["1", "b\n"])),
            Ok(format!(r#"{head},"params":["1","b\n"]{tail}"#))
        );
        assert_eq!(
            written(MiData::object([("a", MiData::Int(1))])),
            Ok(format!(r#"{head},"params":{{"a":1}}{tail}"#))
        );
        assert!(written("x".into()).is_err_and(|error| error.contains("a list, an object")));
    }

    #[test]
    fn results_and_refusals() {
        let done = r#"{"jsonrpc":"2.0","result":["a"],"id":1}"#;
        assert_eq!(result_of(done), Ok(r#"["a"]"#.into()));
        let null = r#"{"jsonrpc":"2.0","result":null,"id":1}"#;
        assert_eq!(result_of(null), Ok("null".into()));
        let refused =
            r#"{"jsonrpc":"2.0","error":{"code":404,"message":"No\u001b[2J","data":"d\n"},"id":1}"#;
        assert_eq!(result_of(refused), Err("404 No [2J: d ".into()));
        let unread =
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
        assert_eq!(result_of(unread), Err("-32700 Parse error".into()));
    }

    #[test]
    fn what_is_no_reply() {
        for reply in [
            "",
            "400 Parse_error",
            "\u{1b}[2J",
            "[]",
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","result":1,"id":2}"#,
            r#"{"jsonrpc":"1.0","result":1,"id":1}"#,
            r#"{"jsonrpc":"2.0","error":"no","id":1}"#,
        ] {
            let error = result_of(reply).unwrap_err();
            assert!(error.contains("fifo:/x answers is no JSON-RPC"), "{error}");
            assert!(!error.contains(char::is_control), "{error}");
        }
    }

    #[test]
    fn http_itself_may_refuse() {
        let over_http = |status, body: &str| {
            let response = Response { status, reason: "Why".into(), body: body.into() };
            result_over_http(&target(), &response)
        };
        let refused = over_http(401, "Give a token.\nMore").unwrap_err();
        assert!(matches!(&refused, CallError::Refused(it) if it.code == 401), "{refused}");
        assert_eq!(refused.to_string(), "401 Why: Give a token.");
        for status in [204, 301, 404, 405] {
            let error = over_http(status, "").unwrap_err();
            assert!(matches!(error, CallError::Unreachable(_)), "{status} {error}");
        }
        let inside =
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
        assert_eq!(over_http(400, inside).unwrap_err().to_string(), "-32700 Parse error");
    }
}
