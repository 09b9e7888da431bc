//! Where the database is: `db_url`.

#[cfg(feature = "sqlite")]
mod file;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod percent;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) use server::{Host, Server, Tls};

/// Where the database is, as `db_url` says it.
///
/// - `sqlite:PATH`: the rest is the file's path as it stands, relative or absolute. Nothing is
///   decoded.
/// - `sqlite:///ABS`: a URL, in which RFC 3986 holds: `%20` is a blank, a percent sign is `%25`, a
///   question mark is `%3F`, a hash is `%23`. (OpenSIPS decodes no percent signs.)
///
/// - `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or `postgresql:` or with parameters behind it.
/// - `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, or `mariadb:` or with parameters behind it.
///
/// For both servers: the user, the host and the database are required. RFC 3986 holds: `@`, `/`, `?`,
/// `#` and `%` in a name or a password are written `%40`, `%2F`, `%3F`, `%23` and `%25`; unencoded ones
/// are errors, where OpenSIPS, which decodes nothing, ends the password at the first `@`. A host is a
/// name, an address (IPv6 in brackets) or a Unix socket: for PostgreSQL its directory,
/// `%2Frun%2Fpostgresql` or no host and `?host=/run/postgresql`; for MySQL the socket itself,
/// `%2Frun%2Fmysqld%2Fmysqld.sock` or no host and `?socket=/run/mysqld/mysqld.sock`. (`localhost` is
/// TCP, which MySQL's own clients take for a socket.) Neither the environment (`PGPASSWORD`,
/// `MYSQL_PWD`) nor a password file is read. Of TLS both speak in libpq's words:
///
/// - `sslmode=disable`: no encryption.
/// - `sslmode=require`: encryption, whoever is at the other end.
/// - `sslmode=verify-full`: encryption, and the server's certificate must be for this host and by an
///   authority in the file `sslrootcert=FILE`, or, without that, by one that this system trusts. The
///   default, save for `localhost`, loopback addresses and Unix sockets: those are `disable`.
///
/// Neither [`Debug`](fmt::Debug) nor [`Display`](fmt::Display), nor an error, shows a password: three
/// stars stand for it. What is displayed reads back as the same value but for that.
///
/// ```
/// use clusterer_db::DbUrl;
///
/// # #[cfg(feature = "sqlite")] {
/// let url: DbUrl = "sqlite:///var/lib/my%20cluster.db".parse().unwrap();
/// assert_eq!(url.to_string(), "sqlite:/var/lib/my cluster.db");
/// # }
/// # #[cfg(feature = "mysql")] {
/// let url: DbUrl = "mysql://opensips:s%40crEt@/opensips?socket=/run/mysqld/mysqld.sock".parse().unwrap();
/// assert_eq!(url.to_string(), "mysql://opensips:***@%2Frun%2Fmysqld%2Fmysqld.sock/opensips");
/// # }
/// # #[cfg(feature = "postgres")] {
/// let url: DbUrl = "postgres://opensips:s%40crEt@db.example:5433/opensips".parse().unwrap();
/// assert_eq!(url.to_string(), "postgres://opensips:***@db.example:5433/opensips");
/// # }
///
/// let error = "oracle://opensips:opensipsrw@localhost/x".parse::<DbUrl>().unwrap_err();
/// assert!(error.to_string().contains("this build works with"));
/// assert!(!error.to_string().contains("opensipsrw"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DbUrl {
    target: Target,
}

/// What a URL leads to: a variant for each kind of database that can be worked with.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    #[cfg(feature = "mysql")]
    Mysql(Server),
    #[cfg(feature = "postgres")]
    Postgres(Server),
    #[cfg(feature = "sqlite")]
    Sqlite(std::path::PathBuf),
}

/// The kind of database that a URL begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// `mysql:` or `mariadb:`
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
    /// The path, a name or a parameter has a control character in it, or a password the character 0.
    #[error("the URL has a control character in it")]
    ControlCharacter,
    /// No path follows the scheme, or one that ends in a slash.
    #[error("the URL names no file (want sqlite:PATH or sqlite:///ABSOLUTE/PATH)")]
    EmptyPath,
    /// Something stands between `sqlite://` and the next slash.
    #[error(
        "a SQLite database is a file, on no host (want sqlite:PATH or sqlite:///ABSOLUTE/PATH)"
    )]
    Host,
    /// The host is missing, or no name, address or absolute path.
    #[error(
        "the host is missing or wrong (want a name, an address, [IPV6], or a socket's path \
         with %2F for each slash)"
    )]
    HostName,
    /// `sqlite::memory:`
    #[error("a database in memory would be empty at every start (want sqlite:PATH)")]
    Memory,
    /// No database follows the host, or something with an unencoded slash in it.
    #[error("the URL names no database (want one name behind the host: HOST/DATABASE)")]
    NoDatabase,
    /// The text does not begin with a scheme.
    #[error("no database URL ({})", Supported)]
    NoScheme,
    /// No `//` follows the scheme of a database server.
    #[error("the URL names no server (want //USER:PASSWORD@HOST/DATABASE behind the scheme)")]
    NoServer,
    /// No user stands before the host.
    #[error("the URL names no user (want USER@HOST or USER:PASSWORD@HOST)")]
    NoUser,
    /// A `?` or `#` in the URL form.
    #[error(
        "a SQLite URL has no parameters (write ? as %3F and # as %23, or use the form sqlite:PATH)"
    )]
    Parameters,
    /// A percent sign without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("a percent sign begins no character (a percent sign itself is written %25)")]
    Percent,
    /// What follows the host and a colon is no port.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A port behind the Unix socket of a MySQL server.
    #[error("a port is for TCP: a Unix socket of MySQL is the whole address")]
    PortOnSocket,
    /// A parameter is there twice.
    #[error("a parameter is there twice")]
    RepeatedParameter,
    /// The value of `sslmode` is none of those we have.
    #[error(
        "sslmode is none of disable, require and verify-full (prefer and allow protect from nobody: \
         they are not there)"
    )]
    TlsMode,
    /// Encryption is asked for on a Unix socket.
    #[error("sslmode is for TCP: what goes through a Unix socket stays on this machine")]
    TlsOnSocket,
    /// There is a host before the database, and another in the parameter `host` or `socket`.
    #[error("the URL names two hosts (write one, or the parameter host or socket)")]
    TwoHosts,
    /// There is an `@` too many, or a `#`.
    #[error(
        "an @, /, ? or # in a user name or a password is written with a percent sign (%40, %2F, %3F, \
         %23)"
    )]
    Unencoded,
    /// A parameter that we do not have, or one without a value.
    #[error(
        "unknown parameter (want sslmode, sslrootcert, for PostgreSQL host, for MySQL socket, each with a value)"
    )]
    UnknownParameter,
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
    /// There is a file with authorities, but nothing that is verified by them.
    #[error("sslrootcert is of no use without sslmode=verify-full")]
    UnusedAuthorities,
}

impl Scheme {
    /// The kinds of database that this build works with.
    pub const SUPPORTED: &'static [Self] = &[
        #[cfg(feature = "sqlite")]
        Self::Sqlite,
        #[cfg(feature = "postgres")]
        Self::Postgres,
        #[cfg(feature = "mysql")]
        Self::Mysql,
    ];

    /// The name with which its URLs begin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "mariadb" | "mysql" => Some(Self::Mysql),
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
        #[cfg(feature = "sqlite")]
        {
            Ok(Self { target: Target::Sqlite(file::checked(path)?) })
        }
        #[cfg(not(feature = "sqlite"))]
        {
            let _ = path;
            Err(DbUrlError::UnsupportedScheme { scheme: Scheme::Sqlite })
        }
    }

    /// The file, if this is a SQLite database.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match self.target {
            #[cfg(feature = "mysql")]
            Target::Mysql(_) => None,
            #[cfg(feature = "postgres")]
            Target::Postgres(_) => None,
            #[cfg(feature = "sqlite")]
            Target::Sqlite(ref path) => Some(path),
        }
    }

    /// The URL, stars for a password.
    fn shown(&self) -> String {
        match self.target {
            #[cfg(feature = "mysql")]
            Target::Mysql(ref server) => format!("mysql:{server}"),
            #[cfg(feature = "postgres")]
            Target::Postgres(ref server) => format!("postgres:{server}"),
            #[cfg(feature = "sqlite")]
            Target::Sqlite(ref path) => format!("sqlite:{}", path.display()),
        }
    }

    #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }
}

impl FromStr for DbUrl {
    type Err = DbUrlError;

    fn from_str(text: &str) -> Result<Self, DbUrlError> {
        let (name, _) = text.split_once(':').ok_or(DbUrlError::NoScheme)?;
        let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.bytes().all(in_scheme) {
            return Err(DbUrlError::NoScheme);
        }
        let target = match Scheme::from_name(name) {
            #[cfg(feature = "mysql")]
            Some(Scheme::Mysql) => Server::mysql(behind_scheme(text)).map(Target::Mysql),
            #[cfg(feature = "postgres")]
            Some(Scheme::Postgres) => Server::postgres(behind_scheme(text)).map(Target::Postgres),
            #[cfg(feature = "sqlite")]
            Some(Scheme::Sqlite) => file::parse(behind_scheme(text)).map(Target::Sqlite),
            #[cfg(not(all(feature = "mysql", feature = "postgres", feature = "sqlite")))]
            Some(scheme) => Err(DbUrlError::UnsupportedScheme { scheme }),
            None => Err(DbUrlError::UnknownScheme { scheme: name.to_owned() }),
        };
        target.map(|target| Self { target })
    }
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
fn behind_scheme(text: &str) -> &str {
    text.split_once(':').map_or("", |(_, rest)| rest)
}

impl fmt::Display for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DbUrl({self})")
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
    #[cfg(not(feature = "postgres"))]
    fn an_unsupported_database_is_told_what_is_supported() {
        let error = |text: &str| text.parse::<DbUrl>().unwrap_err().to_string();
        assert_eq!(
            error("postgres://opensips:secret@db/opensips"),
            "this build has no support for PostgreSQL (this build works with sqlite:PATH)"
        );
    }

    #[test]
    fn an_unknown_database_is_told_what_is_known() {
        let error = "oracle://scott:tiger@db".parse::<DbUrl>().unwrap_err().to_string();
        assert!(
            error.starts_with("unknown kind of database (this build works with sqlite:PATH"),
            "{error}"
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
            password in "hunter2[!-~]{0,12}",
            rest in "(@[a-z]{1,9}(:[0-9]{1,5})?(/[a-z]{0,9})?)?",
        ) {
            let shown = match format!("{scheme}://{user}:{password}{rest}").parse::<DbUrl>() {
                Ok(url) => format!("{url} {url:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
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
