use super::*;
use crate::{MiNode, block_on, command};
use proptest::prelude::*;

const SET: Spec = Spec::new(
    "set",
    &[
        Param::required("cluster_id", "").int(),
        Param::required("machine_id", "").int().alias("node_id"),
        Param::required("status", "").int(),
        Param::required("protocol", "").or("bin"),
        Param::optional("why", ""),
    ],
    "",
)
.also("m:set");

fn table() -> CommandTable {
    let mut table = CommandTable::new();
    let set = command(SET, |args| async move {
        let given: Vec<&str> = args.iter().map(|arg| arg.value.as_str()).collect();
        match args.id(0).and_then(|_| args.number(2, 0..=1)) {
            Ok(_) => MiReply::ok().with_node(MiNode::new("Set", given.join(" "))),
            Err(error) => error.into(),
        }
    });
    table.add(set).unwrap();
    table.add(command(Spec::new("ok", &[], ""), |_| async { MiReply::ok() })).unwrap();
    let silent = MiReply::SilentError { code: 404, reason: "Node id not found".into() };
    for (name, reply) in [
        ("silent", silent),
        ("error", MiReply::error(500, "Failed to reload")),
        ("failed", MiReply::Failed),
        ("count", MiReply::Refused(ArgError::Count)),
        ("data", MiReply::ok().with_node(MiNode::bare("x")).with_data(MiData::Int(7))),
    ] {
        let reply = move |_: Args| {
            let reply = reply.clone();
            async { reply }
        };
        table.add(command(Spec::new(name, &[], ""), reply)).unwrap();
    }
    table.add(command(Spec::new("panics", &[], ""), |_| async { panic!("on purpose") })).unwrap();
    table
}

fn ask(request: &str) -> String {
    match block_on(answer(&table(), request.as_bytes())) {
        JsonAnswer::Reply(reply) => reply,
        other => format!("{other:?}"),
    }
}

fn call(method: &str, params: &str) -> String {
    let reply =
        ask(&format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params},"id":1}}"#));
    let (head, tail) = (r#"{"jsonrpc":"2.0","#, r#","id":1}"#);
    reply.strip_prefix(head).and_then(|reply| reply.strip_suffix(tail)).unwrap().to_owned()
}

fn error(code: i32, message: &str) -> String {
    format!(r#""error":{{"code":{code},"message":"{message}"}}"#)
}

fn invalid_params(data: &str) -> String {
    format!(r#""error":{{"code":-32602,"message":"Invalid params","data":"{data}"}}"#)
}

#[test]
fn results_and_errors() {
    assert_eq!(call("ok", "{}"), r#""result":"OK""#);
    assert_eq!(call("data", "[]"), r#""result":7"#);
    assert_eq!(call("nope", "[]"), error(-32601, "Method not found"));
    assert_eq!(call("silent", "[]"), error(404, "Node id not found"));
    assert_eq!(call("error", "[]"), error(500, "Failed to reload"));
    assert_eq!(call("failed", "[]"), error(500, "Command failed"));
    assert_eq!(call("panics", "[]"), error(500, "Command failed"));
    assert_eq!(call("count", "[]"), invalid_params("Too few or too many parameters"));
}

#[test]
fn parameters_come_in_order_or_by_name() {
    let set = |values: &str| format!(r#""result":{{"Set":"{values}"}}"#);
    let named = r#"{"status":"1","node_id":2,"cluster_id":1}"#;
    assert_eq!(call("m:set", named), set("1 2 1 bin"));
    assert_eq!(call("set", "[1,2,1]"), set("1 2 1 bin"));
    assert_eq!(call("set", r#"["01","2",0,"udp","x"]"#), set("01 2 0 udp x"));
    assert_eq!(call("set", r#"[1,2,1,"bin",5]"#), set("1 2 1 bin 5"));
}

#[test]
fn wrong_parameters_are_told_as_4_0_tells_them() {
    let count = invalid_params("Too few or too many parameters");
    let names = invalid_params("Named parameters do not match");
    let kind = |name: &str| invalid_params(&format!("Bad type for parameter '{name}'"));
    for few_or_many in ["[]", "{}", "[1,2]", r#"{"cluster_id":1}"#, "[1,2,1,1,1,1]"] {
        assert_eq!(call("set", few_or_many), count, "{few_or_many}");
    }
    // 4.0 counts before it looks at names.
    assert_eq!(call("ok", r#"{"x":1}"#), count);
    for other in [r#"{"bogus":1}"#, r#"{"node_id":1,"machine_id":1,"status":1,"cluster_id":1}"#] {
        assert_eq!(call("set", other), names, "{other}");
    }
    for bad in ["\"abc\"", "true", "null", "1.5", "[1]", "{}", "\"\"", "\"-\"", "1e3"] {
        assert_eq!(call("set", &format!("[{bad},2,1]")), kind("cluster_id"), "{bad}");
    }
    assert_eq!(call("set", "[1,2,1,null]"), kind("protocol"));
    assert_eq!(call("set", "[0,2,1]"), error(400, "Bad value for 'cluster_id'"));
    assert_eq!(call("set", "[-1,2,1]"), error(400, "Bad value for 'cluster_id'"));
    assert_eq!(call("set", "[1,2,7]"), error(400, "Bad value for 'status'"));
}

#[test]
fn ids_come_back_as_they_were_written() {
    for id in
        ["1", "\"abc\"", "null", "1.50", "123456789012345678901234567890", "-0", "\"\\u0041\""]
    {
        let reply = ask(&format!(r#"{{"jsonrpc":"2.0","method":"ok","id":{id}}}"#));
        assert_eq!(reply, format!(r#"{{"jsonrpc":"2.0","result":"OK","id":{id}}}"#));
    }
}

#[test]
fn requests_that_are_none() {
    let invalid = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"Invalid Request"}},"id":{id}}}"#
        )
    };
    for (request, id) in [
        (r#"{"jsonrpc":"2.0","id":1}"#, "1"),
        (r#"{"jsonrpc":"1.0","method":"ok","id":1}"#, "1"),
        (r#"{"jsonrpc":2.0,"method":"ok","id":1}"#, "1"),
        (r#"{"method":"ok","id":1}"#, "1"),
        (r#"{"jsonrpc":"2.0","method":"ok","id":1,"params":"str"}"#, "1"),
        (r#"{"jsonrpc":"2.0","method":"ok","id":1,"params":null}"#, "1"),
        (r#"{"jsonrpc":"2.0","method":7,"id":1}"#, "1"),
        (r#"{"jsonrpc":"2.0","method":"ok","id":[1]}"#, "null"),
        (r#"{"jsonrpc":"2.0","method":"ok","id":true}"#, "null"),
        (r#"{"jsonrpc":"2.0"}"#, "null"),
        ("[]", "null"),
        ("7", "null"),
        ("\"x\"", "null"),
        ("null", "null"),
    ] {
        assert_eq!(ask(request), invalid(id), "{request}");
    }
    assert_eq!(ask("[1]"), format!("[{}]", invalid("null")));
    for garbage in ["", "garbage", r#"{"jsonrpc":"2.0","method":"ok","id":1"#, "{}{}", "\u{0}"] {
        assert_eq!(ask(garbage), "ParseError", "{garbage:?}");
    }
    assert_eq!(block_on(answer(&table(), b"\"\xff\"")), JsonAnswer::ParseError);
}

#[test]
fn notifications_are_run_and_not_answered() {
    assert_eq!(ask(r#"{"jsonrpc":"2.0","method":"ok"}"#), "None");
    assert_eq!(ask(r#"{"jsonrpc":"2.0","method":"nope"}"#), "None");
    assert_eq!(ask(r#"[{"jsonrpc":"2.0","method":"ok"}]"#), "None");
}

#[test]
fn a_batch_is_answered_in_order() {
    let one = r#"{"jsonrpc":"2.0","method":"ok","id":1}"#;
    let two = r#"{"jsonrpc":"2.0","method":"data","id":2}"#;
    let silent = r#"{"jsonrpc":"2.0","method":"ok"}"#;
    assert_eq!(
        ask(&format!(" [{one},{silent},{two}]\n")),
        r#"[{"jsonrpc":"2.0","result":"OK","id":1},{"jsonrpc":"2.0","result":7,"id":2}]"#
    );
    let full = vec![one; MAX_BATCH].join(",");
    assert_eq!(ask(&format!("[{full}]")).matches("OK").count(), MAX_BATCH);
    assert!(ask(&format!("[{full},{one}]")).contains("-32600"));
}

#[test]
fn a_list_of_a_call_s_values_is_no_call() {
    let refused =
        r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}"#;
    assert_eq!(ask(r#"[["2.0","ok",[],1]]"#), format!("[{refused}]"));
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let deep = "[".repeat(100_000);
    assert_eq!(ask(&deep), "ParseError");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(ask(&deep).contains("-32600"));
    let params = format!(r#"{{"jsonrpc":"2.0","method":"ok","id":1,"params":{deep}}}"#);
    assert!(ask(&params).contains("-32600"));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        block_on(answer(&table(), &bytes));
    }

    #[test]
    fn any_shape_gets_one_line_of_json(
        version in r"2\.0|1\.0|",
        method in "ok|set|which|help|nope|\\PC{0,4}",
        params in r#"\[\]|\{\}|\[1,2,1\]|\[\[\[\]\]\]|"x"|\{"a":null\}|null|\{"status":\{\}\}"#,
        id in r#"1|"a"|null|\[\]|1e9"#,
    ) {
        let method = MiData::from(method.as_str());
        let request = format!(
            r#"{{"jsonrpc":"{version}","method":{method},"params":{params},"id":{id}}}"#
        );
        let reply = ask(&request);
        let value: Value = serde_json::from_str(&reply).unwrap();
        prop_assert!(value.get("result").is_some() != value.get("error").is_some());
        prop_assert!(!reply.contains('\n'));
    }

    #[test]
    fn data_is_json(text in any::<String>(), number in any::<i64>()) {
        let data = MiData::object([(text.clone(), MiData::list([MiData::from(number), text.as_str().into()]))]);
        let value: Value = serde_json::from_str(&data.to_string()).unwrap();
        prop_assert_eq!(value, serde_json::json!({ &text: [number, &text] }));
    }
}

#[test]
fn a_batch_does_not_multiply_a_long_reply_without_end() {
    const LENGTH: usize = 1 << 20;
    let mut table = CommandTable::new();
    let big = command(Spec::new("big", &[], ""), |_: Args| async {
        MiReply::ok().with_data(MiData::from("x".repeat(LENGTH)))
    });
    table.add(big).unwrap();
    let call = r#"{"jsonrpc":"2.0","method":"big","id":7}"#;
    let batch = format!("[{}]", [call; MAX_BATCH].join(","));
    let JsonAnswer::Reply(reply) = block_on(answer(&table, batch.as_bytes())) else { panic!() };
    assert_eq!(reply.matches(r#""id":7"#).count(), MAX_BATCH, "each has an answer");
    assert_eq!(reply.matches(r#""result""#).count(), MAX_REPLIES / LENGTH);
    assert!(reply.contains("Batch too large") && reply.len() < MAX_REPLIES + 2 * LENGTH);
}
