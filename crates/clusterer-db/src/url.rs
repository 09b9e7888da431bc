//! Where the database is: `db_url`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the database is, as `db_url` says it.
///
/// - `sqlite:PATH`: the rest is the file's path as it stands, relative or absolute. Nothing is
///   decoded.
/// - `sqlite:///ABS`: a URL, in which RFC 3986 holds: `%20` is a blank, a percent sign is `%25`, a
///   question mark is `%3F`, a hash is `%23`. (OpenSIPS decodes no percent signs.)
///
/// Neither [`Debug`](fmt::Debug) nor [`Display`](fmt::Display), nor an error, shows a password. What
/// is displayed reads back as the same value.
///
/// ```
/// use clusterer_db::DbUrl;
///
/// # #[cfg(feature = "sqlite")] {
/// let url: DbUrl = "sqlite:///var/lib/my%20cluster.db".parse().unwrap();
/// assert_eq!(url.to_string(), "sqlite:/var/lib/my cluster.db");
/// # }
///
/// let error = "postgres://opensips:opensipsrw@localhost/x".parse::<DbUrl>().unwrap_err();
/// assert!(error.to_string().contains("this build works with"));
/// assert!(!error.to_string().contains("opensipsrw"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DbUrl {
    target: Target,
}

/// What a URL leads to: a variant for each kind of database that can be worked with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Sqlite(PathBuf),
}

/// The kind of database that a URL begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// `mysql:`
    Mysql,
    /// `postgres:` or `postgresql:`
    Postgres,
    /// `sqlite:`
    Sqlite,
}

/// Why a text is no database URL of this build. Holds nothing of what follows the scheme.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DbUrlError {
    /// The path has a control character in it.
    #[error("the path of the database has a control character in it")]
    ControlCharacter,
    /// No path follows the scheme, or one that ends in a slash.
    #[error("the URL names no file (want sqlite:PATH or sqlite:///ABSOLUTE/PATH)")]
    EmptyPath,
    /// Something stands between `sqlite://` and the next slash.
    #[error(
        "a SQLite database is a file, on no host (want sqlite:PATH or sqlite:///ABSOLUTE/PATH)"
    )]
    Host,
    /// `sqlite::memory:`
    #[error("a database in memory would be empty at every start (want sqlite:PATH)")]
    Memory,
    /// The text does not begin with a scheme.
    #[error("no database URL ({})", Supported)]
    NoScheme,
    /// A `?` or `#` in the URL form.
    #[error(
        "a SQLite URL has no parameters (write ? as %3F and # as %23, or use the form sqlite:PATH)"
    )]
    Parameters,
    /// A percent sign without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("a percent sign begins no character (a percent sign itself is written %25)")]
    Percent,
    /// A scheme that nobody knows.
    #[error("unknown kind of database ({})", Supported)]
    UnknownScheme {
        /// What stands before the first colon.
        scheme: String,
    },
    /// A database that this build was made without.
    #[error("this build has no support for {scheme} ({})", Supported)]
    UnsupportedScheme {
        /// The kind of database.
        scheme: Scheme,
    },
}

impl Scheme {
    /// The kinds of database that this build works with.
    pub const SUPPORTED: &'static [Self] = &[
        #[cfg(feature = "sqlite")]
        Self::Sqlite,
    ];

    fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "mysql" => Some(Self::Mysql),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }

    const fn form(self) -> &'static str {
        match self {
            Self::Mysql => "mysql://USER:PASSWORD@HOST/DATABASE",
            Self::Postgres => "postgres://USER:PASSWORD@HOST/DATABASE",
            Self::Sqlite => "sqlite:PATH",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mysql => "MySQL",
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        })
    }
}

/// Says what this build works with.
struct Supported;

impl fmt::Display for Supported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this build works with ")?;
        for (at, scheme) in Scheme::SUPPORTED.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, scheme.form())?;
        }
        if Scheme::SUPPORTED.is_empty() { f.write_str("no database") } else { Ok(()) }
    }
}

impl DbUrl {
    /// The database in this SQLite file.
    ///
    /// # Errors
    /// As for parsing `sqlite:PATH`.
    pub fn sqlite(path: &str) -> Result<Self, DbUrlError> {
        if !Scheme::SUPPORTED.contains(&Scheme::Sqlite) {
            return Err(DbUrlError::UnsupportedScheme { scheme: Scheme::Sqlite });
        }
        if path == ":memory:" {
            return Err(DbUrlError::Memory);
        }
        if path.is_empty() || path.ends_with('/') {
            return Err(DbUrlError::EmptyPath);
        }
        if path.contains(char::is_control) {
            return Err(DbUrlError::ControlCharacter);
        }
        Ok(Self { target: Target::Sqlite(one_leading_slash(path).into()) })
    }

    /// The file, if this is a SQLite database.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.target {
            Target::Sqlite(path) => Some(path),
        }
    }

    #[cfg(feature = "sqlite")]
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }
}

impl FromStr for DbUrl {
    type Err = DbUrlError;

    fn from_str(text: &str) -> Result<Self, DbUrlError> {
        let (name, rest) = text.split_once(':').ok_or(DbUrlError::NoScheme)?;
        let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.bytes().all(in_scheme) {
            return Err(DbUrlError::NoScheme);
        }
        match Scheme::from_name(name) {
            Some(Scheme::Sqlite) => match rest.strip_prefix("//") {
                Some(after) => Self::sqlite(&path_of_url(after)?),
                None => Self::sqlite(rest),
            },
            Some(scheme) => Err(DbUrlError::UnsupportedScheme { scheme }),
            None => Err(DbUrlError::UnknownScheme { scheme: name.to_owned() }),
        }
    }
}

impl fmt::Display for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl fmt::Debug for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DbUrl({self})")
    }
}

/// A path that begins with two slashes means the same file with one, and with one its URL does not
/// look as if it named a host.
fn one_leading_slash(path: &str) -> String {
    let tail = path.trim_start_matches('/');
    if tail.len() == path.len() { path.to_owned() } else { format!("/{tail}") }
}

/// The path of a URL whose `sqlite://` has been taken off.
fn path_of_url(after: &str) -> Result<String, DbUrlError> {
    if after.is_empty() {
        return Err(DbUrlError::EmptyPath);
    }
    if !after.starts_with('/') {
        return Err(DbUrlError::Host);
    }
    if after.contains(['?', '#']) {
        return Err(DbUrlError::Parameters);
    }
    percent_decoded(after)
}

fn percent_decoded(text: &str) -> Result<String, DbUrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = hex_digit(bytes.next())?;
                let low = hex_digit(bytes.next())?;
                high << 4 | low
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| DbUrlError::Percent)
}

fn hex_digit(byte: Option<u8>) -> Result<u8, DbUrlError> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(DbUrlError::Percent),
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        let got = match text.parse::<DbUrl>() {
            Ok(url) => url.to_string(),
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn a_path_stands_as_it_is() {
        check("sqlite:cluster.db", "sqlite:cluster.db");
        check("sqlite:../a/cluster.db", "sqlite:../a/cluster.db");
        check("sqlite:/var/lib/c.db", "sqlite:/var/lib/c.db");
        check("SQLite:/var/lib/c.db", "sqlite:/var/lib/c.db");
        check("sqlite:/tmp/100%25 ?#", "sqlite:/tmp/100%25 ?#");
    }

    #[test]
    fn a_url_is_decoded() {
        check("sqlite:///var/lib/c.db", "sqlite:/var/lib/c.db");
        check("sqlite:///a%20b%25%3F%23.db", "sqlite:/a b%?#.db");
        check("sqlite:///gr%C3%B6%c3%9fe", "sqlite:/größe");
        check("sqlite:////x.db", "sqlite:/x.db");
    }

    #[test]
    fn what_names_no_file_says_why() {
        check("", "NoScheme");
        check("/var/lib/c.db", "NoScheme");
        check("./a:b", "NoScheme");
        check(":x", "NoScheme");
        check("sqlite:", "EmptyPath");
        check("sqlite:///", "EmptyPath");
        check("sqlite://", "EmptyPath");
        check("sqlite:/var/lib/", "EmptyPath");
        check("sqlite::memory:", "Memory");
        check("sqlite://c.db", "Host");
        check("sqlite://localhost/c.db", "Host");
        check("sqlite:///c.db?mode=ro", "Parameters");
        check("sqlite:///c.db#x", "Parameters");
        check("sqlite:///c%2", "Percent");
        check("sqlite:///c%+1", "Percent");
        check("sqlite:///c%FF", "Percent");
        check("sqlite:///c%00", "ControlCharacter");
        check("sqlite:a\nb", "ControlCharacter");
    }

    #[test]
    fn an_unsupported_database_is_told_what_is_supported() {
        let error = |text: &str| text.parse::<DbUrl>().unwrap_err().to_string();
        assert_eq!(
            error("postgres://opensips:secret@db/opensips"),
            "this build has no support for PostgreSQL (this build works with sqlite:PATH)"
        );
        assert_eq!(
            error("mysql://opensips:opensipsrw@localhost/opensips"),
            "this build has no support for MySQL (this build works with sqlite:PATH)"
        );
        assert_eq!(
            error("oracle://scott:tiger@db"),
            "unknown kind of database (this build works with sqlite:PATH)"
        );
    }

    proptest! {
        #[test]
        fn no_password_is_ever_shown(
            scheme in prop_oneof![
                Just("postgres".to_owned()), Just("mysql".to_owned()), Just("sqlite".to_owned()),
                "[a-z]{1,8}",
            ],
            user in "[a-z]{0,8}",
            password in "PASSWORD[!-~]{0,12}",
            rest in "(@[a-z]{1,9}(:[0-9]{1,5})?(/[a-z]{0,9})?)?",
        ) {
            let error = format!("{scheme}://{user}:{password}{rest}").parse::<DbUrl>().unwrap_err();
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("PASSWORD"), "{}", shown);
        }

        #[test]
        fn what_is_shown_reads_back(text in "sqlite:(//)?\\PC{0,40}") {
            if let Ok(url) = text.parse::<DbUrl>() {
                prop_assert_eq!(&url.to_string().parse::<DbUrl>().unwrap(), &url);
                prop_assert!(url.sqlite_path().is_some());
            }
        }

        #[test]
        fn any_text_is_a_url_or_an_error(text in "\\PC{0,60}") {
            let _ = text.parse::<DbUrl>();
        }
    }
}
