//! How a connection is made.

use super::changes::Watch;
use super::listen::count_others;
use super::session::{Driver, PostgresSession};
use super::tls;
use crate::backend::{Backend, Missing};
use crate::site::Site;
use crate::url::{Host, Server, Tls};
use crate::{DbUrl, Options, TableNames};
use clusterer_node::StoreError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection, NoTls};

/// A database of a PostgreSQL server. Holds no connection.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    site: Site,
    pub(super) server: Server,
    /// The log says that changes are looked for.
    has_said: Arc<AtomicBool>,
}

/// What a connection is for.
pub(super) enum Connecting {
    Asking,
    /// Counts what others than this process of the server notify.
    Listening {
        own: i64,
        count: watch::Sender<u64>,
    },
}

impl Postgres {
    pub(crate) fn new(url: &DbUrl, server: &Server, options: &Options) -> Self {
        let has_said = Arc::default();
        Self { site: Site::new(url, options), server: server.clone(), has_said }
    }

    pub(super) fn say_once_that_it_looks(&self) {
        if !self.has_said.swap(true, Ordering::Relaxed) {
            tracing::info!(
                table = self.names().table(),
                "the server does not tell of changes, so the table is looked at each time: \
                 `clustererctl db init --notify` makes the triggers that tell"
            );
        }
    }

    pub(super) const fn options(&self) -> &Options {
        self.site.options()
    }

    pub(super) const fn names(&self) -> &TableNames {
        self.site.names()
    }

    /// Connects, and lets a task move the bytes.
    pub(super) async fn dial(
        &self,
        connecting: Connecting,
    ) -> Result<(Client, Driver), StoreError> {
        let config = self.config();
        let (client, task) = match tls::connector(&self.server.tls) {
            Ok(None) => {
                let connected = config.connect(NoTls).await;
                let (client, connection) = connected.map_err(|error| self.explain(&error))?;
                (client, connecting.spawn(connection))
            }
            Ok(Some(connector)) => {
                let connected = config.connect(connector).await;
                let (client, connection) = connected.map_err(|error| self.explain(&error))?;
                (client, connecting.spawn(connection))
            }
            Err(why) => return Err(self.site.refused(&why)),
        };
        Ok((client, Driver(task)))
    }

    fn config(&self) -> Config {
        let Server { user, password, host, port, database, tls } = &self.server;
        let mut config = Config::new();
        config.user(user).dbname(database).application_name("clusterer");
        if let Some(password) = password {
            config.password(password.as_str());
        }
        match host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(directory) => config.host_path(directory),
        };
        if let Some(port) = *port {
            config.port(port);
        }
        config.ssl_mode(if *tls == Tls::Disable { SslMode::Disable } else { SslMode::Require });
        config
    }
}

impl Connecting {
    fn spawn<S, T>(self, connection: Connection<S, T>) -> JoinHandle<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self {
            Self::Asking => tokio::spawn(async { drop(connection.await) }),
            Self::Listening { own, count } => tokio::spawn(count_others(connection, own, count)),
        }
    }
}

impl Backend for Postgres {
    type Session = PostgresSession;

    fn site(&self) -> &Site {
        &self.site
    }

    /// A database that is not there is never made: on a server, that is the business of others.
    async fn connect(&self, _: Missing) -> Result<PostgresSession, StoreError> {
        let (client, driver) = self.dial(Connecting::Asking).await?;
        Ok(PostgresSession { postgres: self.clone(), client, driver, watch: Watch::default() })
    }

    async fn bounded<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.site.bounded(call).await
    }
}
