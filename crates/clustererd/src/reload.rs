//! What happens at SIGHUP: the configuration is read again, what can change does, then the table is loaded.

use crate::config::{
    AUTO_RELOAD, Config, ConfigError, Difference, Effect, HTTP_HOSTS, HTTP_TOKEN_FILE, LOG_LEVEL,
    Values,
};
use crate::http;
use crate::log::LogControl;
use anyhow::{Context as _, Result};
use clusterer::Cluster;
use clusterer_mi::{HttpAccess, Token};
use metrics::{describe_gauge, gauge};
use std::path::PathBuf;

const CONFIG_READ: &str = "clusterer_config_read";

/// Describes what this file measures, which begins well: with a configuration that cannot be read nothing starts.
pub(crate) fn describe_metrics() {
    describe_gauge!(
        CONFIG_READ,
        "1 if the configuration could be read the last time, at the start or at SIGHUP, else 0: then what was \
         read before is in effect"
    );
    gauge!(CONFIG_READ).set(1);
}

/// What a reload can change.
pub(crate) struct Reloader {
    pub(crate) path: PathBuf,
    /// What is in effect.
    pub(crate) values: Values,
    pub(crate) cluster: Cluster,
    pub(crate) log: LogControl,
    pub(crate) http: Option<HttpAccess>,
    /// Whether the HTTP server asks for a token. What its page offers was decided by that.
    pub(crate) has_token: bool,
}

/// A file that was read again, with what it refers to.
struct Reading {
    config: Config,
    token: Option<Token>,
}

impl Reloader {
    /// Returns why the configuration could not be read, if it could not.
    pub(crate) async fn reload(&mut self) -> Option<String> {
        let misread = match self.read().await {
            Ok(reading) => {
                self.apply(reading).await;
                None
            }
            Err(error) => {
                tracing::error!("{error:#}; the configuration stays as it was");
                Some(format!("{error:#}"))
            }
        };
        gauge!(CONFIG_READ).set(u8::from(misread.is_none()));
        // The engine logs how it went, and why not.
        let _ = self.cluster.reload().await;
        misread
    }

    async fn read(&self) -> Result<Reading> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let config = Config::load(&path)?;
            let token = config.http.as_ref().map(http::token).transpose()?.flatten();
            Ok::<_, ConfigError>(Reading { config, token })
        });
        Ok(reading.await.context("the configuration was not read")??)
    }

    /// What could be wrong with the new values has been found by now.
    async fn apply(&mut self, Reading { config, token }: Reading) {
        let differences = self.values.differences(&config.values);
        let (live, later): (Vec<_>, Vec<_>) = differences
            .into_iter()
            .partition(|difference| self.is_live(*difference, token.is_some()));
        for difference in later {
            tracing::warn!("{difference}: takes a restart");
        }
        for difference in live {
            tracing::info!("{difference}");
            if let Difference::Changed(path) = difference {
                self.change(path, &config).await;
                self.values.adopt(path, &config.values);
            }
        }
        // Its file may hold another one under the same name.
        if let (true, Some(access), Some(token)) = (self.has_token, &self.http, token) {
            access.set_token(token);
        }
    }

    async fn change(&self, path: &'static str, config: &Config) {
        if path == AUTO_RELOAD.path {
            // A node that has stopped looks for nothing.
            let _ = self.cluster.set_auto_reload(config.clusterer.auto_reload.value).await;
        } else if path == HTTP_HOSTS.path
            && let (Some(access), Some(section)) = (&self.http, &config.http)
        {
            access.set_hosts(&section.host_names());
        } else if path == LOG_LEVEL.path {
            self.log.set_level(config.log.level.value);
        }
    }

    fn is_live(&self, difference: Difference, has_token: bool) -> bool {
        let opens_or_closes =
            difference == Difference::Changed(HTTP_TOKEN_FILE.path) && has_token != self.has_token;
        difference.effect() == Effect::Live && !opens_or_closes
    }
}
