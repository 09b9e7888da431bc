//! How a server is reached.

use super::{Database, Kind, client};
use crate::{PATIENCE, skip};
use anyhow::{Context as _, Result, ensure};
use std::env;
use std::fmt;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A superuser's way into a server.
#[derive(Clone)]
pub struct Access {
    kind: Kind,
    host: String,
    port: u16,
    user: String,
    password: String,
    /// Where one can connect before there is a database of one's own.
    maintenance: String,
}

impl Access {
    /// The server that `cargo xtask test` has started for all tests. If there is none, `test` is reported
    /// as skipped and has to return.
    ///
    /// # Errors
    /// The variable is no such URL, or the skip cannot be reported.
    pub fn for_test(test: &str, kind: Kind) -> Result<Option<Self>> {
        let variable = kind.variable();
        let Ok(url) = env::var(variable) else {
            skip(test, &format!("{variable} is not set: `cargo xtask test` starts {kind}"))?;
            return Ok(None);
        };
        Self::parse(kind, &url).map(Some).with_context(|| format!("${variable}"))
    }

    /// The server that such a URL names.
    ///
    /// # Errors
    /// It is of another kind, or lacks something.
    pub fn parse(kind: Kind, url: &str) -> Result<Self> {
        Self::try_parse(kind, url).with_context(|| {
            format!("this is not {}://USER:PASSWORD@HOST:PORT/DATABASE", scheme(kind))
        })
    }

    fn try_parse(kind: Kind, url: &str) -> Result<Self> {
        let rest = url.strip_prefix(scheme(kind)).and_then(|rest| rest.strip_prefix("://"));
        let (userinfo, rest) = rest.context("another scheme")?.rsplit_once('@').context("no @")?;
        let (user, password) = userinfo.split_once(':').context("no password")?;
        let (authority, database) = rest.split_once('/').context("no database")?;
        ensure!(!database.contains('?'), "it has parameters");
        let (host, port) = authority.rsplit_once(':').context("no port")?;
        let database = if database.is_empty() { maintenance(kind) } else { database };
        Ok(Self {
            kind,
            host: host.to_owned(),
            port: port.parse().context("the port is no number")?,
            user: decode(user)?,
            password: decode(password)?,
            maintenance: database.to_owned(),
        })
    }

    /// A new superuser with a password that must be percent-encoded in a URL, and that nobody knows.
    pub(super) fn new(kind: Kind, address: SocketAddr) -> Self {
        let random = RandomState::new().hash_one(0_u8);
        Self {
            kind,
            host: address.ip().to_string(),
            port: address.port(),
            user: "tester".to_owned(),
            password: format!("p@:/%?# +{random:016x}"),
            maintenance: maintenance(kind).to_owned(),
        }
    }

    /// The same user's way over the socket in this directory.
    pub(super) fn over_socket(&self, directory: &Path) -> Self {
        Self { host: directory.display().to_string(), ..self.clone() }
    }

    /// Which server this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its address, or its name.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The superuser's password, not encoded.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The `db_url` of a database, which need not exist; empty for none.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let (user, password) = (encode(&self.user), encode(&self.password));
        let (scheme, host, port) = (scheme(self.kind), &self.host, self.port);
        format!("{scheme}://{user}:{password}@{host}:{port}/{database}")
    }

    /// The `db_url` of the database that is always there.
    #[must_use]
    pub fn maintenance_url(&self) -> String {
        self.url(match self.kind {
            Kind::MariaDb => "",
            Kind::Postgres => &self.maintenance,
        })
    }

    /// Runs SQL where no database is needed; returns what it printed.
    ///
    /// # Errors
    /// A statement failed; the text has the server's message.
    pub fn run(&self, sql: &str) -> Result<String> {
        self.run_within(sql, PATIENCE)
    }

    pub(super) fn run_within(&self, sql: &str, patience: Duration) -> Result<String> {
        client::run(self, &self.maintenance, sql, patience)
    }

    /// Makes an empty database, which is dropped with the returned value.
    ///
    /// # Errors
    /// The server refused it.
    pub fn create_database(&self) -> Result<Database> {
        Database::create(self)
    }
}

/// Without the password.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}@{}:{}", scheme(self.kind), self.user, self.host, self.port)
    }
}

fn scheme(kind: Kind) -> &'static str {
    match kind {
        Kind::MariaDb => "mysql",
        Kind::Postgres => "postgres",
    }
}

fn maintenance(kind: Kind) -> &'static str {
    match kind {
        Kind::MariaDb => "mysql",
        Kind::Postgres => "postgres",
    }
}

/// Leaves what RFC 3986 calls unreserved, which is never wrong.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(text: &str) -> Result<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).context("% without two digits")?;
        bytes.push(u8::from_str_radix(digits, 16).context("% without two digits")?);
        bytes.extend(rest.as_bytes());
    }
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_by_url_is_found_again() {
        for kind in Kind::ALL {
            let access = Access::new(kind, "127.0.0.1:5566".parse().unwrap());
            let again = Access::parse(kind, &access.maintenance_url()).unwrap();
            assert_eq!(again.maintenance_url(), access.maintenance_url());
            assert_eq!((again.host(), again.port()), ("127.0.0.1", 5566));
            assert_eq!(again.user(), access.user());
            assert_eq!(again.password(), access.password());
        }
    }

    #[test]
    fn a_password_is_encoded_in_the_url_and_absent_from_debug() {
        let access = Access::new(Kind::Postgres, "127.0.0.1:5566".parse().unwrap());
        let url = access.url("it");
        assert!(url.starts_with("postgres://tester:p%40%3A%2F%25%3F%23%20%2B"), "{url}");
        assert!(url.ends_with("@127.0.0.1:5566/it"), "{url}");
        assert_eq!(format!("{access:?}"), "postgres://tester@127.0.0.1:5566");
    }

    #[test]
    fn other_urls_are_refused() {
        for url in [
            "mysql://a:b@c:1/",
            "postgres://a:b@c/d",
            "postgres://a@c:1/d",
            "postgres://a:b@c:1",
            "postgres://a:%4@c:1/d",
            "postgres://a:b@c:1/d?sslmode=require",
        ] {
            assert!(Access::parse(Kind::Postgres, url).is_err(), "{url}");
        }
    }
}
