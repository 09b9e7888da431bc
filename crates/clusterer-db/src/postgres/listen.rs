//! What the server tells by itself: a trigger on the table notifies a channel of its name.

use super::connect::{Connecting, Postgres};
use super::dialect::DIALECT;
use super::session::Driver;
use crate::dialect::{Sql, is_zero};
use clusterer_node::{Column, StoreError};
use futures_util::stream::{self, StreamExt as _};
use std::future::ready;
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client};

/// How many triggers it takes.
pub(super) const TRIGGERS: i64 = 2;

/// A second connection, which only listens.
pub(super) struct Listener {
    _client: Client,
    _driver: Driver,
    /// How often somebody else has changed the table since. Closed with the connection.
    told: watch::Receiver<u64>,
}

impl Postgres {
    /// Listens to all changes of the table but those of the server's process `own`.
    pub(super) async fn listen(&self, own: i64) -> Result<Listener, StoreError> {
        let (count, told) = watch::channel(0);
        let (client, driver) = self.dial(Connecting::Listening { own, count }).await?;
        let channel = DIALECT.quoted(self.names().table());
        let listening = client.batch_execute(&format!("LISTEN {channel}")).await;
        listening.map_err(|error| self.explain(&error))?;
        Ok(Listener { _client: client, _driver: driver, told })
    }
}

impl Listener {
    /// `None` once nothing is told any more.
    pub(super) fn told(&self) -> Option<u64> {
        let count = *self.told.borrow();
        self.told.has_changed().is_ok().then_some(count)
    }

    /// Returns when it is told something after this many changes, or nothing any more.
    pub(super) async fn told_since(&mut self, count: u64) {
        let _ = self.told.wait_for(|&told| told != count).await;
    }
}

/// Counts what others notify until the connection ends.
pub(super) async fn count_others<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    own: i64,
    count: watch::Sender<u64>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let messages = stream::poll_fn(move |context| connection.poll_message(context));
    messages
        .take_while(|message| ready(message.is_ok()))
        .for_each(|message| {
            if let Ok(AsyncMessage::Notification(told)) = message
                && i64::from(told.process_id()) != own
            {
                count.send_modify(|count| *count = count.wrapping_add(1));
            }
            ready(())
        })
        .await;
}

/// The number of triggers that notify and are not turned off. Value: the table.
pub(super) const COUNT_TRIGGERS: &str = "SELECT count(*) FROM pg_trigger
    WHERE tgrelid = to_regclass(quote_ident($1)) AND tgenabled <> 'D'
        AND tgname IN ('clusterer_notify', 'clusterer_notify_update')";

/// The statements that make the triggers, in the place of whatever has their names. What nodes write
/// back notifies nobody; an administrator's state 0 does, whoever writes it.
pub(super) fn install(sql: &Sql<'_>) -> [String; 5] {
    let table = sql.table();
    let differs = |column: Column| {
        let name = sql.column(column);
        match column {
            Column::LastAttempt | Column::NoTries => None,
            Column::State => {
                let [old, new] = ["OLD", "NEW"].map(|row| is_zero(&format!("{row}.{name}")));
                Some(format!("{old} IS DISTINCT FROM {new}"))
            }
            _ => Some(format!("OLD.{name} IS DISTINCT FROM NEW.{name}")),
        }
    };
    let differs: Vec<_> = Column::ALL.into_iter().filter_map(differs).collect();
    [
        "CREATE OR REPLACE FUNCTION clusterer_notify() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_notify(TG_TABLE_NAME, ''); RETURN NULL; END $$"
            .to_owned(),
        format!("DROP TRIGGER IF EXISTS clusterer_notify ON {table}"),
        format!("DROP TRIGGER IF EXISTS clusterer_notify_update ON {table}"),
        format!(
            "CREATE TRIGGER clusterer_notify AFTER INSERT OR DELETE OR TRUNCATE ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION clusterer_notify()"
        ),
        // As one notification, however many rows a transaction updates.
        format!(
            "CREATE TRIGGER clusterer_notify_update AFTER UPDATE ON {table} FOR EACH ROW WHEN ({}) \
             EXECUTE FUNCTION clusterer_notify()",
            differs.join(" OR ")
        ),
    ]
}
