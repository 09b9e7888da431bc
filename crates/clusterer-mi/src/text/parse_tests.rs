//! Unit and property tests of the request parser.

use proptest::prelude::*;

use super::*;
use crate::encode_request;

type Item = Result<Request, TextError>;

fn parse(bytes: &[u8]) -> Vec<Item> {
    parse_chunks([bytes])
}

fn parse_chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Item> {
    let mut parser = TextParser::new();
    let mut items = Vec::new();
    for mut chunk in chunks {
        while let Some(item) = parser.next(&mut chunk) {
            items.push(item);
        }
    }
    items
}

/// The parameters of the only request in there, `name=value` where a name was given.
fn params(lines: &str) -> Vec<String> {
    let items = parse(format!(":c:r\n{lines}\n").as_bytes());
    let [Ok(request)] = items.as_slice() else { panic!("{items:?}") };
    let show = |arg: &Arg| match &arg.name {
        Some(name) => format!("{name}={}", arg.value),
        None => arg.value.clone(),
    };
    request.args.iter().map(show).collect()
}

/// The errors among what is parsed, and the commands of the requests.
fn outcome(bytes: &[u8]) -> (Vec<TextErrorKind>, Vec<String>) {
    let (mut errors, mut commands) = (Vec::new(), Vec::new());
    for item in parse(bytes) {
        match item {
            Ok(request) => commands.push(request.command),
            Err(error) => errors.push(error.kind),
        }
    }
    (errors, commands)
}

#[test]
fn heads_with_and_without_reply() {
    for (head, reply) in
        [(":c:r", Some("r")), (":cc:", None), (":cc", None), (":c:r \t\r", Some("r"))]
    {
        let items = parse(format!("{head}\n\n").as_bytes());
        let [Ok(request)] = items.as_slice() else { panic!("{head}: {items:?}") };
        assert_eq!(request.reply.as_deref(), reply, "{head}");
        assert_eq!(request.args, Args::none());
    }
}

#[test]
fn parameter_forms() {
    assert_eq!(params("  1  \n 2\n1 \n\tbin\r\n"), ["1", "2", "1", "bin"]);
    assert_eq!(params("\"a \\\" b\"\n\" c \" \n"), ["a \" b", " c "]);
    assert_eq!(params("\"two\n\nlines\"\nx\n"), ["two\n\nlines", "x"]);
    assert_eq!(params("id::1\n id :: 2 \nid::\"3 \"\n::4\n"), ["id=1", "id=2", "id=3 ", "=4"]);
    assert_eq!(params("id::\nid::\"\"\n"), ["id=", "id="]);
    assert_eq!(params("bin:host:5566\n\"bin:[::1]:5566\"\n"), ["bin:host:5566", "bin:[::1]:5566"]);
    assert_eq!(params("a::b::c\na\"b\"\na\\b\n"), ["a=b::c", "a\"b\"", "a\\b"]);
    assert_eq!(params("  \n\r\n1\n \t\n2\n"), ["1", "2"]);
    assert_eq!(params("\"back\\slash \\\\\"\"\n"), ["back\\slash \\\""]);
}

#[test]
fn parse_errors() {
    use TextErrorKind::*;
    let good = b":which:r\n\n";
    for (bad, kind) in [
        (&b":c:r\n\"\"\n\n"[..], EmptyParam),
        (b":c:r\n::\n1\n\n", EmptyParam),
        (b":c:r\n\"a\" b\n\"c\"\n\n", AfterQuote),
        (b":c:r\n\"a\"::b\n\n", AfterQuote),
        (b":c:r\n\xff\n\n", NotUtf8),
        (b":c:r\nn\xff::v\n\n", NotUtf8),
        (b":c\xff:r\n1\n\n", NotUtf8),
        (b":c\n\n", Head),
        (b"c:r\n1\n\n", Head),
        (b"::r\n1\n\n", Head),
    ] {
        let bytes = [good, bad, good].concat();
        let expected = (vec![kind], vec!["which".to_owned(), "which".to_owned()]);
        assert_eq!(outcome(&bytes), expected, "{}", bad.escape_ascii());
    }
}

#[test]
fn a_parse_error_knows_where_to_answer() {
    let items = parse(b":c:r\n\"\"\n");
    let [Err(error)] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!((error.command.as_deref(), error.reply.as_deref()), (Some("c"), Some("r")));
}

#[test]
fn head_length_is_limited_on_both_sides() {
    let head = |length: usize| format!(":{}\n\n", "c".repeat(length - 1));
    assert_eq!(outcome(head(3).as_bytes()).0, []);
    assert_eq!(outcome(head(2).as_bytes()).0, [TextErrorKind::Head]);
    assert_eq!(outcome(head(MAX_HEAD).as_bytes()).0, []);
    let bytes = format!("{}:which:r\n\n", head(MAX_HEAD + 1));
    let expected = (vec![TextErrorKind::HeadTooLong], vec!["which".to_owned()]);
    assert_eq!(outcome(bytes.as_bytes()), expected);
}

#[test]
fn params_length_is_limited_together() {
    let request = |length: usize| {
        let half = length / 2;
        format!(":c:r\n{}\n{}\n\n:which:r\n\n", "x".repeat(half - 1), "y".repeat(length - half - 1))
    };
    let both = vec!["c".to_owned(), "which".to_owned()];
    assert_eq!(outcome(request(MAX_PARAMS).as_bytes()), (vec![], both));
    let expected = (vec![TextErrorKind::ParamsTooLong], vec!["which".to_owned()]);
    assert_eq!(outcome(request(MAX_PARAMS + 1).as_bytes()), expected);
    assert_eq!(outcome(request(MAX_PARAMS * 9).as_bytes()), expected);
    let blanks = format!(":c:r\n{}\n:which:r\n\n", " \n".repeat(MAX_PARAMS));
    assert_eq!(outcome(blanks.as_bytes()), expected);
}

#[test]
fn the_inside_of_quotes_never_becomes_a_request() {
    let evil = "\n\n:clusterer_reload:\n\n";
    let bytes = format!(":c:r\n\"{}{evil}\"\n\n:which:r\n\n", "x".repeat(MAX_PARAMS));
    let expected = (vec![TextErrorKind::ParamsTooLong], vec!["which".to_owned()]);
    assert_eq!(outcome(bytes.as_bytes()), expected);
    // The byte that passes the limit may be the quote itself.
    for length in MAX_PARAMS - 2..MAX_PARAMS + 2 {
        let bytes = format!(":c:r\n{}\n\"{evil}\"\n\n:which:r\n\n", "x".repeat(length - 1));
        assert_eq!(outcome(bytes.as_bytes()), expected, "{length}");
    }
}

#[test]
fn unfinished_requests_are_forgotten_on_reset() {
    for cut in [":c", ":c:r\n", ":c:r\n1\n", ":c:r\n\"a"] {
        let mut parser = TextParser::new();
        assert_eq!(parser.next(&mut cut.as_bytes()), None);
        assert!(!parser.is_idle());
        assert!(parser.reset());
        assert!(parser.is_idle());
        let request = parser.next(&mut &b":which:r\n\n"[..]).unwrap().unwrap();
        assert_eq!((request.command.as_str(), request.args.len()), ("which", 0));
        assert!(!parser.reset());
    }
}

/// Bytes that look like requests often enough to get past the first line.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b":c:r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"\\\"".to_vec()),
        Just(b"::".to_vec()),
        Just(b" \t\r".to_vec()),
        Just(b"name::value\n".to_vec()),
        Just(vec![b'x'; MAX_HEAD]),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same(bytes in noise(), cuts in proptest::collection::vec(1..900usize, 1..40)) {
        let whole = parse(&bytes);
        let mut rest = bytes.as_slice();
        let mut chunks = Vec::new();
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = tail;
        }
        prop_assert_eq!(&parse_chunks(chunks), &whole);
        prop_assert_eq!(parse_chunks(bytes.chunks(1)), whole);
    }

    #[test]
    fn memory_is_bounded_whatever_comes(bytes in noise()) {
        let mut parser = TextParser::new();
        for byte in bytes {
            parser.next(&mut &[byte][..]);
            prop_assert!(parser.buffer.len() <= MAX_HEAD.max(MAX_PARAMS));
            let stored: usize = parser.args.iter().map(|arg| arg.value.len()).sum();
            prop_assert!(stored <= MAX_PARAMS);
        }
    }

    #[test]
    fn what_is_encoded_reads_back_the_same(
        values in proptest::collection::vec("[ -~\n\t\réà\"\\\\:]{1,30}", 0..6)
    ) {
        let params: Vec<&str> = values.iter().map(String::as_str).collect();
        let Ok(bytes) = encode_request("c", "r", &params) else {
            // Quotes are needed and a backslash at the end would undo the closing one.
            prop_assert!(params.iter().any(|value| value.ends_with('\\')));
            return Ok(());
        };
        let items = parse(&bytes);
        let [Ok(request)] = items.as_slice() else { panic!("{items:?}") };
        prop_assert_eq!(&request.args, &Args::positional(values));
    }
}
