//! What an error of the server, or on the way to it, means to whoever runs the program.

use super::connect::Postgres;
use crate::backend::Backend as _;
use crate::text::one_line;
use clusterer_node::StoreError;
use std::error::Error as _;
use std::io;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

impl Postgres {
    pub(super) fn explain(&self, error: &Error) -> StoreError {
        if let Some(error) = error.as_db_error() {
            return self.explain_answer(error.code(), &said(error));
        }
        let site = self.site();
        let cause = error.source();
        if let Some(error) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
            return match rustls_error(error) {
                Some(error) => site.refused(&format!("TLS: {error}")),
                None => site.unavailable(&format!("the connection failed: {error}")),
            };
        }
        if error.is_closed() {
            return site.unavailable("the server has closed the connection");
        }
        let cause = cause.map(ToString::to_string).unwrap_or_else(|| error.to_string());
        site.refused(&match cause.as_str() {
            "password missing" => "the server wants a password, and db_url has none (neither \
                                   PGPASSWORD nor a password file is read)"
                .to_owned(),
            "server does not support TLS" => {
                "the server has no TLS: turn it on there (ssl = on), or \
                                              write sslmode=disable behind db_url"
                    .to_owned()
            }
            _ => one_line(&cause),
        })
    }

    /// The server's own word: the code decides what it means.
    fn explain_answer(&self, code: &SqlState, said: &str) -> StoreError {
        let site = self.site();
        let server = &self.server;
        match *code {
            SqlState::INVALID_PASSWORD => {
                site.refused(&format!("user {} and this password: {said}", server.user))
            }
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                site.refused(&format!("{said} (pg_hba.conf on the server says who may connect)"))
            }
            SqlState::INVALID_CATALOG_NAME => site.schema(
                said,
                &format!("create it with `createdb {}`, or correct db_url", server.database),
            ),
            SqlState::INSUFFICIENT_PRIVILEGE => site.refused(&format!(
                "{said}: user {} needs SELECT on both tables, in persistent mode UPDATE on the nodes' \
                 (GRANT)",
                server.user
            )),
            SqlState::READ_ONLY_SQL_TRANSACTION => site.refused(&format!(
                "the database is read-only, a standby or told to be: {said}: set db_url to the primary"
            )),
            SqlState::DISK_FULL => site.refused(&format!("the disk of the server is full: {said}")),
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
                site.refused(&format!("the database is damaged: {said}"))
            }
            SqlState::LOCK_NOT_AVAILABLE => site.locked(),
            SqlState::QUERY_CANCELED => site.unavailable(&format!(
                "{said} (a statement may take {:?})",
                self.options().query_timeout
            )),
            SqlState::UNDEFINED_COLUMN | SqlState::UNDEFINED_TABLE => {
                site.schema(said, "the table has changed meanwhile")
            }
            SqlState::UNDEFINED_FUNCTION
            | SqlState::DATATYPE_MISMATCH
            | SqlState::INVALID_TEXT_REPRESENTATION
            | SqlState::NUMERIC_VALUE_OUT_OF_RANGE => site.schema(
                said,
                "a column has another type than in OpenSIPS' table: `clustererctl db check` says which",
            ),
            _ if is_worth_another_try(code) => site.unavailable(said),
            _ => site.refused(said),
        }
    }
}

/// By the first two characters, the class: the connection, a transaction in the way of another, the
/// server's resources, its operator, its system.
fn is_worth_another_try(code: &SqlState) -> bool {
    let class = code.code().get(..2).unwrap_or_default();
    matches!(class, "08" | "40" | "53" | "57" | "58") && *code != SqlState::DATABASE_DROPPED
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}

/// The server's message on one line, with the detail if there is any.
fn said(error: &DbError) -> String {
    let detail = error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    one_line(&format!("{}{detail}", error.message()))
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::{Host, Server, Tls};
    use crate::{DbUrl, Options};

    /// What this code, with a word of the server, is taken for.
    fn explained(code: &str) -> String {
        let url: DbUrl = "postgres://u:SECRET@h/d".parse().unwrap();
        let server = Server {
            user: "u".to_owned(),
            password: None,
            host: Host::Tcp("h".to_owned()),
            port: None,
            database: "d".to_owned(),
            tls: Tls::Disable,
        };
        let postgres = Postgres::new(&url, &server, &Options::default());
        let text = match postgres.explain_answer(&SqlState::from_code(code), "SAID") {
            StoreError::Refused(text) => format!("refused: {text}"),
            StoreError::Schema(text) => format!("schema: {text}"),
            StoreError::Unavailable(text) => format!("unavailable: {text}"),
            other => panic!("{other:?}"),
        };
        text.replace("postgres://u:***@h/d: ", "")
    }

    #[test]
    fn each_code_has_its_kind() {
        assert_eq!(explained("53100"), "refused: the disk of the server is full: SAID");
        assert_eq!(explained("XX001"), "refused: the database is damaged: SAID");
        assert_eq!(explained("XX000"), "refused: SAID");
        assert_eq!(explained("57P04"), "refused: SAID");
        assert_eq!(explained("23505"), "refused: SAID");
        assert_eq!(explained("42P01"), "schema: SAID: the table has changed meanwhile");
        assert_eq!(
            explained("55P03"),
            "unavailable: somebody else holds the lock, for longer than 5s"
        );
        assert_eq!(explained("57014"), "unavailable: SAID (a statement may take 10s)");
        assert!(explained("25006").starts_with("refused: the database is read-only"));
        assert!(explained("28000").starts_with("refused: SAID (pg_hba.conf"));
    }

    /// Serialization failures and deadlocks; connections; memory and connections of the server; ended
    /// by its operator, starting up; input and output.
    #[test]
    fn what_passes_is_worth_another_try() {
        for code in [
            "40001", "40P01", "08000", "08006", "53200", "53300", "53400", "57P01", "57P02",
            "57P03", "57P05", "25P03", "58030",
        ] {
            assert_eq!(explained(code), "unavailable: SAID", "{code}");
        }
    }
}
