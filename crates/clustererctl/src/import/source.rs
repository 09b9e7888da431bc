//! The tokens of a file and of those that it includes, in the order in which 2.2 reads them.

use super::lexer::{Lexer, Token};
use super::place::{ImportError, Place, Position, one_line};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How deep 2.2 lets files include each other.
const MAX_DEPTH: usize = 10;

/// How many files are read: each may include the next one several times.
const MAX_FILES: usize = 1000;

/// How much is read, over all files.
const MAX_BYTES: usize = 16 << 20;

/// How many lines are told of.
const MAX_DIRECTIVES: usize = 20;

/// Where files come from: the disk, or a test.
pub(super) trait Files {
    /// The file that the command line names, which need not be one.
    fn open(&mut self, path: &Path) -> io::Result<Found> {
        self.read(path)
    }

    /// A file that another includes.
    fn read(&mut self, path: &Path) -> io::Result<Found>;
}

/// A file and what tells it from others, whichever way it is named.
pub(super) struct Found {
    pub(super) identity: PathBuf,
    pub(super) text: Vec<u8>,
}

pub(super) struct Source<'a> {
    files: &'a mut dyn Files,
    /// The file that is being read is the last one.
    open: Vec<Open>,
    /// The names of the files, in the order in which they were opened.
    pub(super) names: Vec<Arc<str>>,
    files_read: usize,
    bytes_read: usize,
    /// Lines that begin with `#!` and a word.
    pub(super) directives: Vec<Place>,
}

struct Open {
    name: Arc<str>,
    path: PathBuf,
    identity: PathBuf,
    lexer: Lexer,
    /// Where it is included.
    from: Option<Place>,
}

impl<'a> Source<'a> {
    /// # Errors
    /// The file cannot be read.
    pub(super) fn open(path: &Path, files: &'a mut dyn Files) -> io::Result<Self> {
        let found = files.open(path)?;
        let mut source = Self {
            files,
            open: Vec::new(),
            names: Vec::new(),
            files_read: 0,
            bytes_read: 0,
            directives: Vec::new(),
        };
        source.push(path.to_owned(), found, None);
        Ok(source)
    }

    /// The next token and where it begins.
    pub(super) fn token(&mut self) -> Result<Option<(Place, Token)>, ImportError> {
        loop {
            let (at, is_required) = match self.token_of_file()? {
                Some((at, Token::Word(word))) if word == "include_file" => (at, true),
                Some((at, Token::Word(word))) if word == "import_file" => (at, false),
                None if self.open.len() > 1 => {
                    self.open.pop();
                    continue;
                }
                token => return Ok(token),
            };
            self.include(&at, is_required)?;
        }
    }

    /// The end of what has been read: where something is missing.
    pub(super) fn end(&self) -> Place {
        let place = |open: &Open| Place { file: open.name.clone(), position: open.lexer.position };
        // The first file stays open.
        self.open.last().map_or(Place { file: "".into(), position: Position::START }, place)
    }

    fn token_of_file(&mut self) -> Result<Option<(Place, Token)>, ImportError> {
        let Some(open) = self.open.last_mut() else { return Ok(None) };
        let token = open.lexer.token();
        for position in open.lexer.directives.drain(..) {
            if self.directives.len() < MAX_DIRECTIVES {
                self.directives.push(Place { file: open.name.clone(), position });
            }
        }
        let file = open.name.clone();
        let place = |position| Place { file: file.clone(), position };
        match token {
            Ok(token) => Ok(token.map(|(position, token)| (place(position), token))),
            Err((position, error)) => Err(self.error(&place(position), error)),
        }
    }

    /// Behind `include_file`, or `import_file`, which does without the file.
    fn include(&mut self, at: &Place, is_required: bool) -> Result<(), ImportError> {
        let name = match self.token_of_file()? {
            Some((_, Token::Text(name))) => name.as_str().map(str::to_owned),
            _ => None,
        };
        let name = name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| self.error(at, "the name of a file in quotes must follow"))?;
        // The first file is included by none.
        if self.open.len() > MAX_DEPTH {
            let message = format!("files include each other more than {MAX_DEPTH} deep");
            return Err(self.error(at, message));
        }
        let path = self.open.last().and_then(|open| open.path.parent()).unwrap_or(Path::new(""));
        let path = path.join(name);
        let found = match self.files.read(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_required => return Ok(()),
            Err(error) => {
                let path = one_line(&path.to_string_lossy());
                let message = format!("cannot read {path}: {error}");
                return Err(self.error(at, message));
            }
        };
        if self.open.iter().any(|open| open.identity == found.identity) {
            let path = one_line(&path.to_string_lossy());
            let message = format!("{path} is included while it is being read");
            return Err(self.error(at, message));
        }
        self.push(path, found, Some(at.clone()));
        if self.files_read > MAX_FILES || self.bytes_read > MAX_BYTES {
            let message = format!("more than {MAX_FILES} files or {} MiB", MAX_BYTES >> 20);
            return Err(self.error(at, message));
        }
        Ok(())
    }

    fn push(&mut self, path: PathBuf, found: Found, from: Option<Place>) {
        self.files_read += 1;
        self.bytes_read = self.bytes_read.saturating_add(found.text.len());
        let name: Arc<str> = path.to_string_lossy().into();
        if !self.names.contains(&name) {
            self.names.push(name.clone());
        }
        let lexer = Lexer::new(found.text);
        self.open.push(Open { name, path, identity: found.identity, lexer, from });
    }

    /// An error with the way to the file that has it.
    pub(super) fn error(&self, at: &Place, message: impl std::fmt::Display) -> ImportError {
        let mut message = message.to_string();
        for from in self.open.iter().rev().filter_map(|open| open.from.as_ref()) {
            // Writing to a String cannot fail.
            let _ = write!(message, ", included at {from}");
        }
        ImportError::at(at, message)
    }
}
