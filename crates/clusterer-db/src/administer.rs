//! What [`Admin`](crate::Admin) does, with any kind of database.

use crate::backend::{Access, Backend, Missing, Session, transaction};
use crate::store::{THREAD, runtime};
use crate::tables::Tables;
use crate::{AdminError, Created, Finding, NewNode, Upgrade, UpgradeError};
use clusterer_node::{DbId, NodeKey, RawRow, StoreError, UnixTime};
use std::fmt;
use std::thread;

/// The promises are those of [`Admin`](crate::Admin)'s methods.
pub(crate) trait Administer: fmt::Debug + Send + Sync {
    fn init(&self) -> Result<Created, StoreError>;
    fn init_notify(&self) -> Result<Created, StoreError>;
    /// `node` has been checked, `key` is its.
    fn add(&self, node: &NewNode, key: NodeKey) -> Result<DbId, AdminError>;
    fn remove(&self, key: NodeKey) -> Result<(), AdminError>;
    fn list(&self) -> Result<Vec<RawRow>, StoreError>;
    fn check(&self, now: UnixTime) -> Result<Vec<Finding>, StoreError>;
    /// `into` has been checked.
    fn plan_upgrade(&self, into: &str) -> Result<Upgrade, UpgradeError>;
    /// `into` has been checked.
    fn upgrade(&self, into: &str) -> Result<Upgrade, UpgradeError>;
}

impl<B: Backend> Administer for B {
    fn init(&self) -> Result<Created, StoreError> {
        run(self, Missing::Create, Access::Administer, async |tables| tables.create().await)
    }

    fn init_notify(&self) -> Result<Created, StoreError> {
        run(self, Missing::Create, Access::Administer, async |tables| tables.create_telling().await)
    }

    fn add(&self, node: &NewNode, key: NodeKey) -> Result<DbId, AdminError> {
        run(self, Missing::Refuse, Access::Administer, async |tables| {
            tables.require().await?;
            tables.add(node, key).await
        })
    }

    fn remove(&self, key: NodeKey) -> Result<(), AdminError> {
        run(self, Missing::Refuse, Access::Administer, async |tables| {
            tables.require().await?;
            tables.remove(key).await
        })
    }

    fn list(&self) -> Result<Vec<RawRow>, StoreError> {
        run(self, Missing::Refuse, Access::Read, async |tables| {
            tables.require().await?;
            tables.load().await
        })
    }

    fn check(&self, now: UnixTime) -> Result<Vec<Finding>, StoreError> {
        run(self, Missing::Refuse, Access::Read, async |tables| tables.check(now).await)
    }

    fn plan_upgrade(&self, into: &str) -> Result<Upgrade, UpgradeError> {
        run(self, Missing::Refuse, Access::Read, async |tables| tables.plan_upgrade(into).await)
    }

    fn upgrade(&self, into: &str) -> Result<Upgrade, UpgradeError> {
        run(self, Missing::Refuse, Access::Administer, async |tables| tables.upgrade(into).await)
    }
}

/// Connects, does this work in one transaction, and waits for it. On a thread of its own: the caller's
/// may belong to a runtime, and may not wait for another one.
fn run<B: Backend, T: Send, E: From<StoreError> + Send>(
    backend: &B,
    missing: Missing,
    access: Access,
    work: impl AsyncFnOnce(&mut Tables<'_, B::Session>) -> Result<T, E> + Send,
) -> Result<T, E> {
    let site = backend.site();
    let no_thread = |error| site.unavailable(&format!("cannot start a thread: {error}"));
    let runtime = runtime().map_err(no_thread)?;
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn_scoped(scope, || {
            let done = runtime.block_on(connected(backend, missing, access, work));
            // Looking up a host's name may hang, and nobody waits for it any more.
            runtime.shutdown_background();
            done
        });
        let ended = thread.map_err(no_thread)?.join();
        ended.unwrap_or_else(|_| {
            Err(site.unavailable("the thread of the database has ended").into())
        })
    })
}

async fn connected<B: Backend, T, E: From<StoreError>>(
    backend: &B,
    missing: Missing,
    access: Access,
    work: impl AsyncFnOnce(&mut Tables<'_, B::Session>) -> Result<T, E>,
) -> Result<T, E> {
    let call = async {
        let session = backend.connect(missing).await?;
        transaction(session, access, async |session: &mut B::Session| {
            work(&mut Tables::new(session, backend.site())).await
        })
        .await
    };
    let (session, done) = backend.bounded(call).await?;
    session.close().await;
    Ok(done)
}
