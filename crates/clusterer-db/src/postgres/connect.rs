//! How a connection is made.

use super::session::{Driver, PostgresSession};
use super::tls;
use crate::backend::{Backend, Missing};
use crate::site::Site;
use crate::url::{Host, Server, Tls};
use crate::{DbUrl, Options};
use clusterer_node::StoreError;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};

/// A database of a PostgreSQL server. Holds no connection.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    site: Site,
    pub(super) server: Server,
}

impl Postgres {
    pub(crate) fn new(url: &DbUrl, server: &Server, options: &Options) -> Self {
        Self { site: Site::new(url, options), server: server.clone() }
    }

    pub(super) const fn options(&self) -> &Options {
        self.site.options()
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

impl Backend for Postgres {
    type Session = PostgresSession;

    fn site(&self) -> &Site {
        &self.site
    }

    /// A database that is not there is never made: on a server, that is the business of others.
    async fn connect(&self, _: Missing) -> Result<PostgresSession, StoreError> {
        let config = self.config();
        let (client, driver) = match tls::connector(&self.server.tls) {
            Ok(None) => {
                let connected = config.connect(NoTls).await;
                let (client, connection) = connected.map_err(|error| self.explain(&error))?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
            Ok(Some(connector)) => {
                let connected = config.connect(connector).await;
                let (client, connection) = connected.map_err(|error| self.explain(&error))?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
            Err(why) => return Err(self.site.refused(&why)),
        };
        Ok(PostgresSession { postgres: self.clone(), client, driver: Driver(driver) })
    }

    async fn bounded<T, E: From<StoreError>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.site.bounded(call).await
    }
}
