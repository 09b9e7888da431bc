//! How a connection is made.

use super::session::MysqlSession;
use super::tls;
use crate::backend::{Backend, Missing};
use crate::site::Site;
use crate::url::{Host, Server};
use crate::{DbUrl, Options};
use clusterer_node::StoreError;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use std::time::Duration;
use tokio::task::JoinSet;

/// More in one piece is nothing that a row holds.
const LONGEST_PACKET: usize = 64 << 20;

pub(super) const NO_SERVER: &str = "what answers there does not speak like a MySQL server";

/// A database of a MySQL or MariaDB server. Holds no connection.
#[derive(Clone, Debug)]
pub(crate) struct Mysql {
    pub(super) site: Site,
    pub(super) server: Server,
}

impl Mysql {
    pub(crate) fn new(url: &DbUrl, server: &Server, options: &Options) -> Self {
        Self { site: Site::new(url, options), server: server.clone() }
    }

    fn opts(&self) -> Result<Opts, String> {
        let Server { user, password, host, port, database, tls } = &self.server;
        let opts = OptsBuilder::default()
            .user(Some(user))
            .pass(password.as_ref().map(|password| password.as_str()))
            .db_name(Some(database))
            // An update counts the rows it finds, also those that are right already.
            .client_found_rows(true)
            // Else it leaves the address of the URL for a socket that the server names.
            .prefer_socket(false)
            // Both are the server's to say otherwise, in answer to one more question.
            .max_allowed_packet(Some(LONGEST_PACKET))
            .wait_timeout(Some(0))
            .ssl_opts(tls::choice(tls)?)
            .connect_attribute("program_name", "clusterer");
        let opts = match host {
            Host::Tcp(name) => opts.ip_or_hostname(name),
            Host::Unix(path) => opts.socket(Some(path.to_string_lossy())),
        };
        Ok(match *port {
            Some(port) => opts.tcp_port(port),
            None => opts,
        }
        .into())
    }

    /// What the session is to be, whatever the server's settings are: no value is cut to fit, blanks
    /// that fill a CHAR up do not come with it, and nothing waits for ever.
    fn settings(&self) -> String {
        let options = self.site.options();
        let lock = self.lock_timeout_in_seconds();
        let query = options.query_timeout.as_millis().max(1);
        // A comment with an M is for MariaDB from this version on, the other one for MySQL.
        format!(
            "SET NAMES utf8mb4; \
             SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION,STRICT_ALL_TABLES', \
             innodb_lock_wait_timeout = {lock}, lock_wait_timeout = {lock}\
             /*M!100101 , max_statement_time = {}.{:03} */\
             /*!50708 , max_execution_time = {query} */",
            query / 1000,
            query % 1000,
        )
    }

    /// The server counts whole seconds: more rather than less. 0 would be no time at all, or an error.
    pub(super) fn lock_timeout_in_seconds(&self) -> u64 {
        let timeout = self.site.options().lock_timeout;
        timeout.saturating_add(Duration::from_nanos(999_999_999)).as_secs().max(1)
    }
}

impl Backend for Mysql {
    type Session = MysqlSession;

    fn site(&self) -> &Site {
        &self.site
    }

    /// A database that is not there is never made: on a server, that is the business of others.
    async fn connect(&self, _: Missing) -> Result<MysqlSession, StoreError> {
        let opts = self.opts().map_err(|why| self.site.refused(&why))?;
        // As a task: the driver panics at some of what no server would say.
        let mut attempt = JoinSet::new();
        attempt.spawn(Conn::new(opts));
        let Some(Ok(connected)) = attempt.join_next().await else {
            return Err(self.site.unavailable(NO_SERVER));
        };
        let mut conn = connected.map_err(|error| self.explain(&error))?;
        let set = conn.query_drop(self.settings()).await;
        set.map_err(|error| self.explain(&error))?;
        Ok(MysqlSession { mysql: self.clone(), conn, loaded: None })
    }

    async fn bounded<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.site.bounded(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql(options: &Options) -> Mysql {
        let url: DbUrl = "mysql://u:SECRET@h/d".parse().unwrap();
        Mysql::new(&url, &Server::mysql("//u:SECRET@h/d").unwrap(), options)
    }

    #[test]
    fn times_are_in_the_server_s_units() {
        let settings = |lock: u64, query: u64| {
            let options = Options::default()
                .lock_timeout(Duration::from_millis(lock))
                .query_timeout(Duration::from_millis(query));
            mysql(&options).settings()
        };
        assert!(settings(100, 10_000).contains("lock_wait_timeout = 1,"));
        assert!(settings(1000, 1).contains("lock_wait_timeout = 1,"));
        assert!(settings(1001, 1).contains("lock_wait_timeout = 2,"));
        assert!(settings(0, 0).contains("lock_wait_timeout = 1,"));
        assert!(settings(1, 10_050).contains("max_statement_time = 10.050 "));
        assert!(settings(1, 10_050).contains("max_execution_time = 10050 "));
        assert!(settings(1, 0).contains("max_statement_time = 0.001 "), "0 would be no limit");
    }

    #[test]
    fn nothing_that_is_shown_has_the_password() {
        let shown = format!("{:?}", mysql(&Options::default()));
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}
