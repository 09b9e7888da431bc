//! `db_url`, from what 2.2 takes to what we take.
//!
//! 2.2 decodes nothing and ends the password at the first `@`; ours are URLs by RFC 3986.

use clusterer_db::DbUrl;
use std::net::IpAddr;

/// A URL of ours, and what a reader should know of it.
pub(super) struct Translated {
    /// May hold a password.
    pub(super) url: String,
    pub(super) notes: Vec<&'static str>,
}

/// Why there is none. Says nothing of the text but its scheme.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UrlError {
    #[error("no database URL (2.2 wants SCHEME://USER:PASSWORD@HOST/DATABASE)")]
    Syntax,
    #[error(
        "OpenSIPS reaches {0} databases, we do not: put the table into MySQL, PostgreSQL or SQLite"
    )]
    Scheme(String),
    #[error(
        "the host is missing: 2.2 lets the client library choose one, here it is localhost, or a \
         Unix socket's path with %2F for each slash"
    )]
    NoHost,
    #[error("parameters behind a ? are not those of OpenSIPS: leave them out")]
    Parameters,
    #[error("{0}")]
    Ours(String),
}

const AT_SIGNS: &str = "there was more than one @: the last one is taken for the end of the password. \
                        2.2 takes the first one";
const ENCODED: &str = "user and password have percent signs for what means something in a URL; 2.2 has \
                       it plain";
const LOCALHOST: &str = "localhost is TCP here. The MySQL library of 2.2 means the Unix socket with it: \
                         for that, write its path with %2F for each slash in place of the host";
const TLS: &str = "the connection is encrypted and the server's certificate verified, which 2.2 does not \
                   ask for. For a server without TLS write ?sslmode=disable behind the URL";

/// The schemes of 2.2 that we have something for.
pub(super) fn translate(text: &str) -> Result<Translated, UrlError> {
    let (scheme, rest) = text.split_once(':').ok_or(UrlError::Syntax)?;
    let translated = match scheme {
        "mysql" | "postgres" => server(scheme, rest)?,
        "sqlite" => {
            // In our URL form percent signs would be decoded; a plain path is as it stands.
            let path = rest.strip_prefix("//").unwrap_or(rest);
            Translated { url: format!("sqlite:{path}"), notes: Vec::new() }
        }
        "berkeley" | "cachedb" | "db_cachedb" | "flatstore" | "http" | "https" | "oracle"
        | "text" | "unixodbc" | "virtual" => return Err(UrlError::Scheme(scheme.to_owned())),
        // It may be anything, even a part of a password.
        _ => return Err(UrlError::Syntax),
    };
    translated.url.parse::<DbUrl>().map_err(|error| UrlError::Ours(error.to_string()))?;
    Ok(translated)
}

fn server(scheme: &str, rest: &str) -> Result<Translated, UrlError> {
    let rest = rest.strip_prefix("//").ok_or(UrlError::Syntax)?;
    let mut notes = Vec::new();
    let (account, place) = rest.split_once('@').ok_or(UrlError::Syntax)?;
    let (account, place) = match place.rsplit_once('@') {
        None => (account, place),
        Some((_, place)) => {
            notes.push(AT_SIGNS);
            (rest.strip_suffix(place).and_then(|it| it.strip_suffix('@')).unwrap_or(account), place)
        }
    };
    let (host, database) = place.split_once('/').ok_or(UrlError::Syntax)?;
    if database.contains('?') {
        return Err(UrlError::Parameters);
    }
    if host.is_empty() || host.starts_with(':') {
        return Err(UrlError::NoHost);
    }
    let plain = account;
    let account = match account.split_once(':') {
        // No password is not the same as an empty one.
        Some((user, password)) => format!("{}:{}", encoded(user), encoded(password)),
        None => encoded(account),
    };
    if account != plain {
        notes.push(ENCODED);
    }
    let name = match host.strip_prefix('[') {
        Some(inside) => inside.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or(host);
    if scheme == "mysql" && name.eq_ignore_ascii_case("localhost") {
        notes.push(LOCALHOST);
    }
    if !is_here(name) {
        notes.push(TLS);
    }
    Ok(Translated { url: format!("{scheme}://{account}@{host}/{}", encoded(database)), notes })
}

fn is_here(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Everything as percent signs but what never means anything in a URL.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<(&str, &[&str]), UrlError>) {
        let got = translate(text).map(|it| (it.url, it.notes));
        let expected = expected.map(|(url, notes)| (url.to_owned(), notes.to_vec()));
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn urls_of_servers_and_files() {
        let url = "mysql://opensips:opensipsrw@localhost/opensips";
        check(url, Ok((url, &[LOCALHOST])));
        check(
            "mysql://opensips@192.168.0.7/opensips",
            Ok(("mysql://opensips@192.168.0.7/opensips", &[TLS])),
        );
        let url = "postgres://opensips:x@127.0.0.1:5433/opensips";
        check(url, Ok((url, &[])));
        let url = "mysql://u:p@[::1]:3306/d";
        check(url, Ok((url, &[])));
        check("sqlite:///var/lib/my 100%.db", Ok(("sqlite:/var/lib/my 100%.db", &[])));
    }

    #[test]
    fn passwords_are_encoded() {
        let expected = "postgres://u:50%25%3Fa%3Ab%2F%23@127.0.0.1/d";
        check("postgres://u:50%?a:b/#@127.0.0.1/d", Ok((expected, &[ENCODED])));
        let expected = "postgres://u:a%40b%40c@127.0.0.1/d";
        check("postgres://u:a@b@c@127.0.0.1/d", Ok((expected, &[AT_SIGNS, ENCODED])));
        // What looks like a variable of the environment to the daemon does not reach it as one.
        check(
            "postgres://u:${X}@127.0.0.1/d",
            Ok(("postgres://u:%24%7BX%7D@127.0.0.1/d", &[ENCODED])),
        );
    }

    #[test]
    fn what_is_no_url_is_not_repeated() {
        for text in
            ["", "secret", "secret:x", "mysql:secret", "mysql://localhost/secret", "mysql://u@h"]
        {
            check(text, Err(UrlError::Syntax));
        }
        check("text:///etc/opensips", Err(UrlError::Scheme("text".into())));
        check("mysql://u:secret@/d", Err(UrlError::NoHost));
        check("mysql://u:secret@h/d?secret", Err(UrlError::Parameters));
        for text in
            ["mysql://u:secret@h:x/d", "mysql://u:secret@h/", "mysql://:secret@h/d", "sqlite://"]
        {
            let error = translate(text).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    proptest! {
        /// Whatever the password, ours is read as that password by the parser of the daemon.
        #[test]
        fn any_password_survives(password in "[^\0]{0,40}") {
            let text = format!("postgres://u:{password}@127.0.0.1/d");
            let translated = translate(&text).unwrap();
            let encoded = translated.url.strip_prefix("postgres://u:").unwrap();
            let encoded = encoded.strip_suffix("@127.0.0.1/d").unwrap();
            prop_assert_eq!(decoded(encoded), password);
        }
    }

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            bytes.push(u8::from_str_radix(&rest[at + 1..at + 3], 16).unwrap());
            rest = &rest[at + 3..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        String::from_utf8(bytes).unwrap()
    }
}
