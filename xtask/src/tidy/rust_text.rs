//! Just enough of Rust's lexer to tell code from prose: a word in a comment breaks no rule.

/// The source with every comment and literal turned into spaces. Lines stay where they are.
pub(super) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        // `for"a"` is a keyword and a string, `r"a"` is a raw string.
        let raw = if is_word(previous) { None } else { raw_string(rest) };
        let opaque = raw.or_else(|| comment(rest)).or_else(|| literal(rest));
        let length = opaque.unwrap_or(first.len_utf8());
        let (token, after) = rest.split_at(length);
        if opaque.is_some() {
            code.extend(token.chars().map(|c| if c == '\n' { c } else { ' ' }));
        } else {
            code.push(first);
        }
        previous = if opaque.is_some() { ' ' } else { first };
        rest = after;
    }
    code
}

/// Lines that are neither blank nor comment.
pub(super) fn code_lines(source: &str) -> usize {
    code_only(source).lines().filter(|line| !line.trim().is_empty()).count()
}

/// Whether `word` stands in the line by itself, not inside a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + word.len()..).and_then(|text| text.chars().next());
        let begins = !word.starts_with(is_word) || !before.is_some_and(is_word);
        let ends = !word.ends_with(is_word) || !after.is_some_and(is_word);
        begins && ends
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut skip = 0_usize;
    for (at, _) in rest.char_indices() {
        let here = rest.get(at..).unwrap_or_default();
        if at < skip {
            continue;
        } else if here.starts_with("/*") {
            (depth, skip) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, skip) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at + 2);
            }
        }
    }
    Some(rest.len())
}

/// A string or a character. A lifetime is neither: its quote is not closed after one character.
fn literal(rest: &str) -> Option<usize> {
    if let Some(inside) = rest.strip_prefix('"') {
        return Some(1 + closing(inside, '"'));
    }
    let inside = rest.strip_prefix('\'')?;
    let mut chars = inside.chars();
    match (chars.next()?, chars.next()) {
        ('\\', _) => Some(1 + closing(inside, '\'')),
        (c, Some('\'')) => Some(1 + c.len_utf8() + 1),
        _ => None,
    }
}

/// The length of `inside` up to and with its closing quote.
fn closing(inside: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    inside.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let unprefixed = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let after_r = unprefixed.strip_prefix('r')?;
    let inside = after_r.trim_start_matches('#');
    let hashes = after_r.len() - inside.len();
    let inside = inside.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let opened = rest.len() - inside.len();
    Some(inside.find(&end).map_or(rest.len(), |at| opened + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let code = code_only(source);
        let words = code.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words, expected, "{source}");
        assert_eq!(code.lines().count(), source.lines().count(), "{source}");
    }

    #[test]
    fn comments_are_no_code() {
        check("a // b\nc", "a c");
        check("/// a\n//! b\nc", "c");
        check("a /* b /* c */ d\n */ e", "a e");
        check("a /*/ b */ c", "a c");
        check("a / b", "a / b");
    }

    #[test]
    fn literals_are_no_code() {
        check(r#"a("b\"c", d)"#, "a( , d)");
        check("a(r\"b\\\", c)", "a( , c)");
        check("a(r##\"b\"#c\"##, br#\"d\"#, e)", "a( , , e)");
        check("a(\"b // c\n d\") e", "a( ) e");
        check(r"a('b', '\'', '\u{7f}', '/') c", "a( , , , ) c");
    }

    #[test]
    fn lifetimes_raw_names_and_names_that_end_in_r_are_code() {
        check("fn a<'b>(c: &'b str)", "fn a<'b>(c: &'b str)");
        check("r#type b", "r#type b");
        check("for\"a\" b", "for b");
    }

    #[test]
    fn text_that_never_ends_is_swallowed_whole() {
        for source in ["\"a", "/* a", "r#\"a", "'\\"] {
            check(source, "");
        }
    }

    #[test]
    fn a_word_stands_alone() {
        assert!(has_word("thread::sleep(x)", "sleep("));
        assert!(!has_word("oversleep(x)", "sleep("));
        assert!(!has_word("clock.sleep_until(x)", "sleep("));
        assert!(has_word("unsafe {", "unsafe"));
        assert!(!has_word("forbid(unsafe_code)", "unsafe"));
    }

    #[test]
    fn lines_of_code_are_counted_without_prose() {
        assert_eq!(code_lines("//! a\n\nfn b() {\n    // c\n}\n"), 2);
    }
}
