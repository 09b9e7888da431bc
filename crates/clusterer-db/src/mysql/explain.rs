//! What an error of the server, or on the way to it, means to whoever runs the program.

use super::connect::{Mysql, NO_SERVER};
use crate::text::one_line;
use crate::url::{Host, Tls};
use clusterer_node::StoreError;
use mysql_async::{DriverError, Error, IoError};
use std::io;

impl Mysql {
    pub(super) fn explain(&self, error: &Error) -> StoreError {
        let site = &self.site;
        match error {
            Error::Server(error) => self.explain_answer(error.code, &one_line(&error.message)),
            Error::Io(IoError::Io(error)) => match rustls_error(error) {
                Some(error) => site.refused(&format!("TLS: {error}")),
                None => site.unavailable(&format!("the connection failed: {error}")),
            },
            Error::Io(IoError::Tls(error)) => site.refused(&format!("TLS: {error}")),
            Error::Driver(error) => self.explain_driver(error),
            Error::Other(_) | Error::Url(_) => site.refused(&one_line(&error.to_string())),
        }
    }

    fn explain_driver(&self, error: &DriverError) -> StoreError {
        let site = &self.site;
        match error {
            DriverError::ConnectionClosed => {
                site.unavailable("the server has closed the connection")
            }
            DriverError::NoClientSslFlagFromServer => site.refused(
                "the server has no TLS: give it a certificate (ssl_cert, ssl_key), or write \
                 sslmode=disable behind db_url",
            ),
            DriverError::UnknownAuthPlugin { name } => site.refused(&format!(
                "the server wants user {} to log in by {}: let it be caching_sha2_password or \
                 mysql_native_password",
                self.server.user,
                one_line(name),
            )),
            DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled => site
                .refused(&format!(
                    "the server wants the password of user {} as good as readable, which it does not \
                     get: let the user log in by caching_sha2_password or mysql_native_password",
                    self.server.user
                )),
            DriverError::PacketOutOfOrder | DriverError::UnexpectedPacket { .. } => {
                site.unavailable(NO_SERVER)
            }
            _ => site.refused(&one_line(&error.to_string())),
        }
    }

    /// The server's own word: the number decides what it means. MariaDB's and MySQL's are the same up to
    /// 1900.
    fn explain_answer(&self, code: u16, said: &str) -> StoreError {
        let site = &self.site;
        let user = &self.server.user;
        match code {
            // May not use the database; neither the table nor a column of it; lacks a privilege.
            1044 | 1142 | 1143 | 1227 => site.refused(&format!(
                "{said}: user {user} needs SELECT on both tables, in persistent mode UPDATE on the \
                 nodes' (GRANT)"
            )),
            1045 | 1698 if self.server.password.is_none() => site.refused(&format!(
                "{said}: db_url has no password (neither MYSQL_PWD nor an option file is read)"
            )),
            // To the server, a right password that does not come by TLS may be a wrong one.
            1045 | 1698 if self.is_readable_on_its_way() => {
                site.refused(&format!("user {user} and this password, without TLS: {said}"))
            }
            1045 | 1698 => site.refused(&format!("user {user} and this password: {said}")),
            1049 => site.schema(
                said,
                &format!(
                    "create it with `mysqladmin create {}`, or correct db_url",
                    self.server.database
                ),
            ),
            // From this host; not from a host with so many failures.
            1129 | 1130 => {
                site.refused(&format!("{said} (the accounts on the server say who may connect)"))
            }
            3159 => site.refused(&format!("{said}: write sslmode=verify-full behind db_url")),
            // By an option of the server, of the transaction, of its mode.
            1290 | 1792 | 1836 => site.refused(&format!(
                "the database is read-only, a replica or told to be: {said}: set db_url to the primary"
            )),
            1665 => site.refused(&format!(
                "{said}: set binlog_format on the server to MIXED or ROW"
            )),
            1021 => site.refused(&format!("the disk of the server is full: {said}")),
            1114 => site.refused(&format!("the table or the disk of the server is full: {said}")),
            // A file or an index that does not hold what it should; marked as such.
            1034 | 1035 | 1194 | 1195 | 1712 | 1877 => {
                site.refused(&format!("the database is damaged: {said}"))
            }
            1205 => site.locked(),
            1969 | 3024 => site.unavailable(&format!(
                "{said} (a statement may take {:?})",
                site.options().query_timeout
            )),
            1051 | 1054 | 1146 => site.schema(said, "the table has changed meanwhile"),
            // Out of range, cut off, of another type or character set, too long.
            1264 | 1265 | 1292 | 1366 | 1406 => site.schema(
                said,
                "a column has another type than in OpenSIPS' table: `clustererctl db check` says which",
            ),
            _ if is_worth_another_try(code) => site.unavailable(said),
            _ => site.refused(said),
        }
    }

    fn is_readable_on_its_way(&self) -> bool {
        matches!(self.server.host, Host::Tcp(_)) && self.server.tls == Tls::Disable
    }
}

const fn is_worth_another_try(code: u16) -> bool {
    matches!(
        code,
        // In the way of another transaction: changed since it was read, a deadlock, here or of locks by
        // name, a definition that has changed.
        1020 | 1213 | 1412 | 1615 | 3058
        // The server's memory and connections: of all, of the user, within an hour.
        | 1037 | 1038 | 1040 | 1041 | 1203 | 1226
        // Not ready, as a node of a cluster; shut down; offline.
        | 1047 | 1053 | 3032 | 3168
        // The connection: broken off, not understood, killed, said nothing for too long.
        | 1152 | 1153 | 1154 | 1155 | 1156 | 1157 | 1158 | 1159 | 1160 | 1161 | 1184
        | 1317 | 1927 | 3169 | 4031
        // The same as a proxy says it, about the server behind.
        | 2002 | 2003 | 2006 | 2013
    )
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::Server;
    use crate::{DbUrl, Options};
    use mysql_async::ServerError;

    fn explained_by(behind_scheme: &str, error: &Error) -> String {
        let url: DbUrl = format!("mysql:{behind_scheme}").parse().unwrap();
        let server = Server::mysql(behind_scheme).unwrap();
        let text = match Mysql::new(&url, &server, &Options::default()).explain(error) {
            StoreError::Refused(text) => format!("refused: {text}"),
            StoreError::Schema(text) => format!("schema: {text}"),
            StoreError::Unavailable(text) => format!("unavailable: {text}"),
            other => panic!("{other:?}"),
        };
        assert!(!text.contains("SECRET"), "{text}");
        text.replace(&format!("{url}: "), "")
    }

    /// What this code, with a word of the server, is taken for.
    fn explained(code: u16) -> String {
        let message = "SAID".to_owned();
        let error = ServerError { code, message, state: "HY000".to_owned() };
        explained_by("//u:SECRET@h/d", &error.into())
    }

    #[test]
    fn each_code_has_its_kind() {
        let rights = "refused: SAID: user u needs SELECT on both tables, in persistent mode UPDATE on \
                      the nodes' (GRANT)";
        for code in [1044, 1142, 1143, 1227] {
            assert_eq!(explained(code), rights, "{code}");
        }
        assert_eq!(explained(1045), "refused: user u and this password: SAID");
        assert_eq!(
            explained(1049),
            "schema: SAID: create it with `mysqladmin create d`, or correct db_url"
        );
        for code in [1290, 1792, 1836] {
            assert!(explained(code).starts_with("refused: the database is read-only"), "{code}");
        }
        assert_eq!(explained(1021), "refused: the disk of the server is full: SAID");
        assert_eq!(explained(1114), "refused: the table or the disk of the server is full: SAID");
        assert_eq!(explained(1194), "refused: the database is damaged: SAID");
        assert_eq!(
            explained(1665),
            "refused: SAID: set binlog_format on the server to MIXED or ROW"
        );
        assert!(explained(3159).ends_with("SAID: write sslmode=verify-full behind db_url"));
        assert_eq!(explained(1062), "refused: SAID");
        for code in [1051, 1054, 1146] {
            assert_eq!(explained(code), "schema: SAID: the table has changed meanwhile", "{code}");
        }
        for code in [1264, 1265, 1292, 1366, 1406] {
            assert!(
                explained(code).starts_with("schema: SAID: a column has another type"),
                "{code}"
            );
        }
        assert_eq!(
            explained(1205),
            "unavailable: somebody else holds the lock, for longer than 5s"
        );
        for code in [1969, 3024] {
            assert_eq!(explained(code), "unavailable: SAID (a statement may take 10s)", "{code}");
        }
    }

    /// Deadlocks and the like; connections; a server that shuts down or is not ready; one that went away.
    #[test]
    fn what_passes_is_worth_another_try() {
        for code in [
            1020, 1213, 1412, 3058, 1040, 1041, 1203, 1226, 1047, 1053, 3032, 1158, 1161, 1317,
            1927, 2006, 2013,
        ] {
            assert_eq!(explained(code), "unavailable: SAID", "{code}");
        }
    }

    #[test]
    fn the_driver_s_word_is_put_plainly() {
        let explained = |error: DriverError| explained_by("//u:SECRET@h/d", &error.into());
        assert_eq!(
            explained(DriverError::ConnectionClosed),
            "unavailable: the server has closed the connection"
        );
        assert!(
            explained(DriverError::NoClientSslFlagFromServer)
                .starts_with("refused: the server has no TLS: ")
        );
        assert_eq!(
            explained(DriverError::UnknownAuthPlugin { name: "parsec\n".to_owned() }),
            "refused: the server wants user u to log in by parsec: let it be caching_sha2_password or \
             mysql_native_password"
        );
        assert!(
            explained(DriverError::CleartextPluginDisabled).starts_with(
                "refused: the server wants the password of user u as good as readable"
            )
        );
        assert_eq!(
            explained_by("//u:SECRET@h/d", &io::Error::from(io::ErrorKind::BrokenPipe).into()),
            "unavailable: the connection failed: broken pipe"
        );
        assert_eq!(
            explained_by("//u:SECRET@h/d", &io::Error::other(rustls::Error::DecryptError).into()),
            "refused: TLS: cannot decrypt peer's message"
        );
    }

    #[test]
    fn a_password_that_did_not_come_by_tls_is_said_to() {
        let error = ServerError { code: 1045, message: "SAID".to_owned(), state: String::new() };
        let error = error.into();
        assert_eq!(
            explained_by("//u:SECRET@h/d?sslmode=disable", &error),
            "refused: user u and this password, without TLS: SAID"
        );
        let to_socket = explained_by("//u:SECRET@/d?socket=/run/x", &error);
        assert_eq!(to_socket, "refused: user u and this password: SAID");
    }

    #[test]
    fn whoever_gives_no_password_is_told_so() {
        let error = ServerError { code: 1045, message: "SAID".to_owned(), state: String::new() };
        assert_eq!(
            explained_by("//u@h/d", &error.into()),
            "refused: SAID: db_url has no password (neither MYSQL_PWD nor an option file is read)"
        );
    }
}
