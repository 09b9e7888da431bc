//! What a configuration says, as far as it is of interest: modules, their parameters, listeners.
//!
//! Keywords of 2.2 are words that mean nothing else, so what is not understood is passed over word by
//! word, and blocks in braces as a whole.

use super::lexer::{Text, Token};
use super::place::{ImportError, Place};
use super::source::Source;

pub(super) enum Statement {
    /// `loadmodule`: the name, without directory and `.so`.
    Load { at: Place, module: String },
    /// `modparam`.
    Parameter(Parameter),
    /// `listen`: what is behind the equals sign, without its `as` and `use_children`.
    Listen { at: Place, address: String, has_more: bool },
    /// `db_default_url`.
    DefaultUrl { at: Place, value: Value },
    /// What looks like a macro that has not been replaced.
    Macro { at: Place },
}

pub(super) struct Parameter {
    /// One name, or several with `|` between them.
    pub(super) modules: String,
    pub(super) name: String,
    /// Where the value stands.
    pub(super) at: Place,
    pub(super) value: Value,
}

#[derive(Clone)]
pub(super) enum Value {
    Integer { number: i64, is_octal: bool },
    Text(Text),
}

pub(super) struct Statements<'a> {
    source: Source<'a>,
    ahead: Option<Option<(Place, Token)>>,
}

impl<'a> Statements<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, ahead: None }
    }

    pub(super) fn source(&self) -> &Source<'a> {
        &self.source
    }

    pub(super) fn next(&mut self) -> Result<Option<Statement>, ImportError> {
        while let Some((at, token)) = self.token()? {
            let word = match token {
                Token::Word(word) => word,
                Token::Sign(b'{') => {
                    self.skip_block(&at)?;
                    continue;
                }
                Token::Sign(b'}') => return Err(self.error(&at, "this } ends nothing")),
                Token::Sign(_) | Token::Text(_) => continue,
            };
            let statement = match word.as_str() {
                "loadmodule" => Statement::Load { at, module: module_name(self.name()?) },
                "modparam" => Statement::Parameter(self.parameter()?),
                "listen" => self.listen(at)?,
                "db_default_url" => {
                    self.expect(b'=')?;
                    let (at, value) = self.value()?;
                    Statement::DefaultUrl { at, value }
                }
                word if is_macro(word) && self.sees(b'(')? => Statement::Macro { at },
                _ => continue,
            };
            return Ok(Some(statement));
        }
        Ok(None)
    }

    /// Behind a `{`.
    fn skip_block(&mut self, start: &Place) -> Result<(), ImportError> {
        let mut depth = 1_usize;
        while let Some((_, token)) = self.token()? {
            match token {
                Token::Sign(b'{') => depth += 1,
                Token::Sign(b'}') if depth == 1 => return Ok(()),
                Token::Sign(b'}') => depth -= 1,
                _ => {}
            }
        }
        Err(self.error(start, "this { is not ended: } is missing"))
    }

    /// Behind `modparam`.
    fn parameter(&mut self) -> Result<Parameter, ImportError> {
        self.expect(b'(')?;
        let modules = self.name()?;
        self.expect(b',')?;
        let name = self.name()?;
        self.expect(b',')?;
        let (at, value) = self.value()?;
        self.expect(b')')?;
        Ok(Parameter { modules, name, at, value })
    }

    fn value(&mut self) -> Result<(Place, Value), ImportError> {
        const EXPECTED: &str = "a string in quotes or an integer must stand here";
        let (at, token) = self.required(EXPECTED)?;
        let (is_negative, word) = match token {
            Token::Text(text) => return Ok((at, Value::Text(text))),
            Token::Word(word) => (false, word),
            Token::Sign(sign @ (b'-' | b'+')) => match self.required(EXPECTED)? {
                (_, Token::Word(word)) => (sign == b'-', word),
                _ => return Err(self.error(&at, EXPECTED)),
            },
            Token::Sign(_) => return Err(self.error(&at, EXPECTED)),
        };
        let number = number(&word).ok_or_else(|| self.error(&at, EXPECTED))?;
        let is_octal = word.len() > 1 && word.starts_with('0') && !word.starts_with("0x");
        let number = if is_negative { -number } else { number };
        Ok((at, Value::Integer { number, is_octal }))
    }

    /// Behind `listen`: `= PROTOCOL:ADDRESS[:PORT]`, blanks anywhere between, and what may follow.
    fn listen(&mut self, at: Place) -> Result<Statement, ImportError> {
        const EXPECTED: &str = "PROTOCOL:ADDRESS:PORT must follow";
        self.expect(b'=')?;
        let address = self.joined()?;
        if address.is_empty() {
            return Err(self.error(&at, EXPECTED));
        }
        let mut has_more = false;
        while let Some(word) = self.take_word(&["as", "AS", "use_children", "USE_CHILDREN"])? {
            has_more = true;
            if self.joined()?.is_empty() {
                return Err(self.error(&at, format_args!("something must follow {word}")));
            }
        }
        Ok(Statement::Listen { at, address, has_more })
    }

    /// Words, strings and signs that make up an address, without the blanks between.
    fn joined(&mut self) -> Result<String, ImportError> {
        let mut text = String::new();
        // Two pieces that are whole by themselves are not of one address.
        let mut was_whole = false;
        loop {
            let (piece, is_whole) = match self.peek()? {
                Some((_, Token::Word(word))) if !was_whole => (word.clone(), true),
                Some((at, Token::Text(piece))) if !was_whole => match piece.as_str() {
                    Some(piece) => (piece.to_owned(), true),
                    None => return Err(ImportError::at(at, "not UTF-8")),
                },
                Some((_, Token::Sign(sign @ (b'[' | b'*')))) if !was_whole => {
                    (char::from(*sign).to_string(), *sign == b'*')
                }
                Some((_, Token::Sign(sign @ (b'.' | b'-' | b':' | b']')))) => {
                    (char::from(*sign).to_string(), *sign == b']')
                }
                _ => return Ok(text),
            };
            was_whole = is_whole;
            text += &piece;
            self.ahead = None;
        }
    }

    fn take_word(&mut self, words: &[&str]) -> Result<Option<String>, ImportError> {
        let word = match self.peek()? {
            Some((_, Token::Word(word))) if words.contains(&word.as_str()) => word.clone(),
            _ => return Ok(None),
        };
        self.ahead = None;
        Ok(Some(word))
    }

    /// A string that is a name, and no secret.
    fn name(&mut self) -> Result<String, ImportError> {
        const EXPECTED: &str = "a name in quotes must stand here";
        match self.required(EXPECTED)? {
            (at, Token::Text(text)) => match text.as_str() {
                Some(name) => Ok(name.to_owned()),
                None => Err(self.error(&at, "not UTF-8")),
            },
            (at, _) => Err(self.error(&at, EXPECTED)),
        }
    }

    fn expect(&mut self, sign: u8) -> Result<(), ImportError> {
        let message = format!("{} must stand here", char::from(sign));
        match self.required(&message)? {
            (_, Token::Sign(found)) if found == sign => Ok(()),
            (at, _) => Err(self.error(&at, message)),
        }
    }

    fn sees(&mut self, sign: u8) -> Result<bool, ImportError> {
        Ok(matches!(self.peek()?, Some((_, Token::Sign(found))) if *found == sign))
    }

    /// The next token; at the end an error.
    fn required(&mut self, expected: &str) -> Result<(Place, Token), ImportError> {
        match self.token()? {
            Some(token) => Ok(token),
            None => Err(self.error(&self.source.end(), expected)),
        }
    }

    fn token(&mut self) -> Result<Option<(Place, Token)>, ImportError> {
        match self.ahead.take() {
            Some(token) => Ok(token),
            None => self.source.token(),
        }
    }

    fn peek(&mut self) -> Result<Option<&(Place, Token)>, ImportError> {
        if self.ahead.is_none() {
            self.ahead = Some(self.source.token()?);
        }
        Ok(self.ahead.as_ref().and_then(Option::as_ref))
    }

    fn error(&self, at: &Place, message: impl std::fmt::Display) -> ImportError {
        self.source.error(at, message)
    }
}

/// `clusterer` of `/usr/lib/opensips/modules/clusterer.so`.
fn module_name(path: String) -> String {
    let file = path.rsplit('/').next().unwrap_or(&path);
    file.strip_suffix(".so").unwrap_or(file).to_owned()
}

/// The numbers of 2.2: decimal, `0x` and hexadecimal, `0` and octal, and words for 1 and 0.
fn number(word: &str) -> Option<i64> {
    let (digits, radix) = match word {
        "yes" | "true" | "on" | "enable" => return Some(1),
        "no" | "false" | "off" | "disable" => return Some(0),
        _ => match (word.strip_prefix("0x"), word.strip_prefix('0')) {
            (Some(digits), _) => (digits, 16),
            (None, Some(digits)) if !digits.is_empty() => (digits, 8),
            _ => (word, 10),
        },
    };
    i64::from_str_radix(digits, radix).ok()
}

/// The builtins of m4 that are used in configurations.
fn is_macro(word: &str) -> bool {
    const BUILTINS: &[&str] = &[
        "changecom",
        "changequote",
        "define",
        "divert",
        "esyscmd",
        "ifdef",
        "ifelse",
        "include",
        "sinclude",
        "syscmd",
        "undefine",
    ];
    BUILTINS.contains(&word)
}
