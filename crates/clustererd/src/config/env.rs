//! `${NAME}` in a string stands for the environment variable of that name.
//!
//! There is no other syntax: a `$` without `{` is a dollar sign, and what a variable holds is not
//! looked at again. A text that needs a literal `${` has it in a variable.

use std::env::VarError;

/// How to look up a variable: [`std::env::var`], or a closure of a test.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// A reference that stands for nothing. Names the variable, never what it holds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvError {
    #[error("`${{` that begins no `${{NAME}}`, expected a name of letters, digits and _")]
    Syntax,
    #[error("the environment variable {0} is not set, expected a value for it")]
    Unset(String),
    #[error("the environment variable {0} does not hold UTF-8 text")]
    NotUnicode(String),
}

/// True if the text refers to the environment, rightly or wrongly.
pub(crate) fn refers(text: &str) -> bool {
    text.contains("${")
}

/// The text with every reference replaced.
pub(crate) fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, EnvError> {
    let mut pieces = text.split("${");
    let mut expanded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').ok_or(EnvError::Syntax)?;
        if !is_name(name) {
            return Err(EnvError::Syntax);
        }
        expanded += &lookup(name).map_err(|error| match error {
            VarError::NotPresent => EnvError::Unset(name.to_owned()),
            VarError::NotUnicode(_) => EnvError::NotUnicode(name.to_owned()),
        })?;
        expanded += rest;
    }
    Ok(expanded)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn check(text: &str, expected: Result<&str, &str>) {
        let lookup = |name: &str| match name {
            "A" => Ok("one".to_owned()),
            "NESTED" => Ok("${A}".to_owned()),
            "BINARY" => Err(VarError::NotUnicode(OsString::from("secret"))),
            _ => Err(VarError::NotPresent),
        };
        let got = expand(text, &lookup).map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn references_are_replaced_once() {
        check("", Ok(""));
        check("${A}", Ok("one"));
        check("x${A}${A}y", Ok("xoneoney"));
        check("$A $$ } ${NESTED}", Ok("$A $$ } ${A}"));
    }

    #[test]
    fn a_reference_to_nothing_names_the_variable_only() {
        let syntax = "`${` that begins no `${NAME}`, expected a name of letters, digits and _";
        for text in ["${", "${}", "x${A", "${A-B}", "${1}", "${ A}", "${${A}}"] {
            check(text, Err(syntax));
        }
        check("${B}", Err("the environment variable B is not set, expected a value for it"));
        check("${BINARY}", Err("the environment variable BINARY does not hold UTF-8 text"));
    }
}
