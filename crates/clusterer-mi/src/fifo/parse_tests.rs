//! Unit and property tests of the FIFO's parser.

use proptest::prelude::*;

use super::*;

fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Incoming>, FifoParser) {
    let mut parser = FifoParser::new();
    let mut all = Vec::new();
    for mut chunk in chunks {
        while let Some(incoming) = parser.next(&mut chunk) {
            all.push(incoming);
        }
    }
    (all, parser)
}

/// What is read, a word each: the reply's name and the form, or the error.
fn read(text: &str) -> Vec<String> {
    words(&parse([text.as_bytes()]).0)
}

fn words(all: &[Incoming]) -> Vec<String> {
    let name = |reply: &Option<String>| reply.clone().unwrap_or_default();
    let word = |incoming: &Incoming| match incoming {
        Incoming::Json { text, reply } => {
            format!("{}:{}", name(reply), std::str::from_utf8(text).unwrap())
        }
        Incoming::Text(request) => format!("{}({})", request.command, request.args.len()),
        Incoming::BadJson { fault, reply } => format!("{}!{fault:?}", name(reply)),
        Incoming::BadText(error) => format!("text!{:?}", error.kind),
    };
    all.iter().map(word).collect()
}

#[test]
fn the_first_line_tells_the_forms_apart() {
    assert_eq!(read(":r:{}"), ["r:{}"]);
    assert_eq!(read(":r: \t\r[1]"), ["r:[1]"]);
    assert_eq!(read("::{}"), [":{}"]);
    assert_eq!(read(":which:r\n\n"), ["which(0)"]);
    assert_eq!(read(":which:r{}\n\n"), ["which(0)"]);
    assert_eq!(read(":which:{}x\n\n"), ["which:{}", "!Behind"]);
    assert_eq!(read(":which\n{}\n\n"), ["which(1)"]);
    assert_eq!(read(":which:r\n:r:{}\n\n"), ["which(1)"]);
    assert_eq!(read(" :r:{}\n\n"), ["text!Head"]);
    assert_eq!(read("{}\n\n"), ["text!Head"]);
    // What 4.0 calls a request with garbage in it is the head of one in the text form.
    assert_eq!(read(":r:garbage\n\n"), ["r(0)"]);
}

#[test]
fn requests_in_a_row() {
    let both = ["a:{\"x\":\"}\"}", "which(1)", "b:[{}\n,2]", "echo(0)", ":{}"];
    assert_eq!(read(":a:{\"x\":\"}\"}:which:r\n1\n\n:b:[{}\n,2]\n\n \r\n:echo:r\n\n::{}"), both);
    assert_eq!(read(":a:{\"x\":\"}\"}\n:which:r\n1\n\n\n:b:[{}\n,2] :echo:r\n\n::{}\n"), both);
}

#[test]
fn what_is_behind_json_ends_with_its_line() {
    assert_eq!(read(":a:{}} :b:{}\n:c:{}"), ["a:{}", "!Behind", "c:{}"]);
    assert_eq!(read(":a:{}\n\"\n:which:r\n\n"), ["a:{}", "!Behind", "which(0)"]);
}

#[test]
fn a_text_cut_off_ends_where_another_request_begins() {
    assert_eq!(read(":a:{\"x\":1\n:b:{}"), ["a!CutOff", "b:{}"]);
    assert_eq!(read(":a:{\"x\":[1}\n:which:r\n\n"), ["a!CutOff", "which(0)"]);
    assert_eq!(read(":a:{\n::[]\n:c:{\n:d:[]"), ["a!CutOff", ":[]", "c!CutOff", "d:[]"]);
    // In a string, nothing begins a request.
    assert_eq!(read(":a:{\"x\n:b:{}\n\":1}"), ["a:{\"x\n:b:{}\n\":1}"]);
}

#[test]
fn the_length_is_limited_on_both_sides() {
    let request = |length: usize| format!(":a:[\"{}\"]\n:b:{{}}", "x".repeat(length - 4));
    let lengths = |text: String| match parse([text.as_bytes()]).0.as_slice() {
        [Incoming::Json { text, .. }, last] => {
            (Some(text.len()), words(std::slice::from_ref(last)))
        }
        all => (None, words(all)),
    };
    assert_eq!(lengths(request(MAX_JSON)), (Some(MAX_JSON), vec!["b:{}".to_owned()]));
    for length in [MAX_JSON + 1, MAX_JSON + 2, MAX_JSON * 10] {
        let all = vec!["a!TooLong".to_owned(), "b:{}".to_owned()];
        assert_eq!(lengths(request(length)), (None, all), "{length}");
    }
}

#[test]
fn a_first_line_that_is_too_long_begins_nothing() {
    let long = "x".repeat(2000);
    assert_eq!(read(&format!(":{long}:{{}}\n\n:b:{{}}")), ["text!HeadTooLong", "b:{}"]);
    let blanks = " ".repeat(2000);
    assert_eq!(read(&format!(":r:{blanks}{{}}\n\n:b:{{}}")), ["text!HeadTooLong", "b:{}"]);
}

#[test]
fn a_name_that_is_no_text_is_refused() {
    let all = parse([&b":\xff:{}\n\n:b:{}"[..]]).0;
    assert_eq!(words(&all), ["text!NotUtf8", "b:{}"]);
}

#[test]
fn what_is_given_up_is_told() {
    let left = |text: &str| {
        let mut parser = parse([text.as_bytes()]).1;
        let left = parser.reset();
        assert!(parser.is_idle());
        assert_eq!(
            parser.next(&mut &b":b:{}"[..]).map(|it| words(&[it])),
            Some(vec!["b:{}".into()])
        );
        assert_eq!(parser.reset(), None);
        left
    };
    assert_eq!(left(""), None);
    assert_eq!(left(":a:{}\n"), None);
    assert_eq!(left(":a:{\"x"), Some(Unfinished::Json { reply: Some("a".into()) }));
    assert_eq!(left("::{"), Some(Unfinished::Json { reply: None }));
    for text in [":", ":a:", ":a:x", ":a:r\n\""] {
        assert_eq!(left(text), Some(Unfinished::Text), "{text}");
    }
    for rest in [":a:{}x", ":a:r\n\"\"\n\"x", "a\nb"] {
        assert_eq!(left(rest), Some(Unfinished::Rest), "{rest}");
    }
    assert_eq!(left(&format!(":a:[\"{}", "x".repeat(MAX_JSON))), Some(Unfinished::Rest));
}

/// Bytes that look like requests often enough to get somewhere.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b":r:{".to_vec()),
        Just(b":c:r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\n:".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\\\"".to_vec()),
        Just(b"{[".to_vec()),
        Just(b"}]".to_vec()),
        Just(vec![b'x'; 2000]),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let text = "[ -~\n:\"\\\\\\[\\]{}é]{0,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((text, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same(bytes in noise(), size in 1..9000usize) {
        let whole = parse([bytes.as_slice()]).0;
        prop_assert_eq!(&parse(bytes.chunks(size)).0, &whole);
        prop_assert_eq!(parse(bytes.chunks(1)).0, whole);
    }

    #[test]
    fn a_request_after_a_reset_is_served_whatever_came_before(bytes in noise()) {
        let mut parser = parse([bytes.as_slice()]).1;
        parser.reset();
        let next = parser.next(&mut &b":b:{}"[..]);
        prop_assert_eq!(next, Some(Incoming::Json { text: b"{}".to_vec(), reply: Some("b".into()) }));
    }

    #[test]
    fn lines_without_quotes_lose_nothing_behind_an_empty_line(
        lines in proptest::collection::vec("[^\"\n]{0,40}", 0..20)
    ) {
        let (all, parser) = parse([format!("{}\n\n:b:{{}}", lines.join("\n")).as_bytes()]);
        prop_assert_eq!(words(&all).pop(), Some("b:{}".to_owned()));
        prop_assert!(parser.is_idle());
    }

    #[test]
    fn any_json_is_found_whole_however_it_is_laid_out(values in proptest::collection::vec(json(), 1..5)) {
        let texts: Vec<String> = values
            .iter()
            .flat_map(|value| {
                let value = serde_json::json!([value]);
                // The second has its colons at the start of lines.
                [serde_json::to_string_pretty(&value).unwrap(), colons_first(&value.to_string())]
            })
            .collect();
        let stream: String = texts.iter().map(|text| format!(":r:{text}")).collect();
        let expected: Vec<String> = texts.iter().map(|text| format!("r:{text}")).collect();
        prop_assert_eq!(read(&stream), expected);
    }

    #[test]
    fn memory_is_bounded_whatever_comes(bytes in noise()) {
        let mut parser = FifoParser::new();
        for byte in bytes {
            parser.next(&mut &[byte][..]);
            if let State::Json(JsonText { text: Some(text), .. }) = &parser.state {
                prop_assert!(text.len() <= MAX_JSON);
            }
            if let Opening::Name(name) | Opening::Blanks(name) = &parser.opening {
                prop_assert!(name.len() <= crate::MAX_HEAD);
            }
        }
    }
}

/// The same JSON with a newline before each colon and bracket outside strings.
fn colons_first(json: &str) -> String {
    let (mut out, mut in_string, mut escaped) = (String::new(), false, false);
    for char in json.chars() {
        if !in_string && ":{}[]".contains(char) {
            out.push('\n');
        }
        match char {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && char == '\\' && !escaped;
        out.push(char);
    }
    out.trim_start().to_owned()
}
