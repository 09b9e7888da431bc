//! A database of its own on the test's server, and a connection beside the store under test.

use super::engine::{Connection as _, Engine};
use crate::shared::TestDatabase;
use clusterer_db::{DbUrl, Options};
use clusterer_node::{Cell, Column, NodeStore, RawRow};
use clusterer_tests::conformance::{Provisioned, Telling};
use clusterer_tests::servers::Access;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Whether `test` can run here; reports it as skipped if not.
pub(crate) fn is_there<E: Engine>(test: &str) -> bool {
    Access::for_test(test, E::KIND).unwrap().is_some()
}

/// A database, dropped at the end with all that is connected to it.
#[derive(Debug)]
pub(crate) struct Fixture<E: Engine> {
    access: Access,
    pub(crate) name: String,
    /// A user that is not a superuser, if the test asked for one.
    user: Option<String>,
    options: Options,
    engine: PhantomData<E>,
}

impl<E: Engine> Fixture<E> {
    /// A database of this server without a table.
    pub(crate) fn on(access: &Access) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("clusterer_{}_{count}", std::process::id());
        // Patient: a busy machine is no fault.
        let options = Options::default()
            .lock_timeout(Duration::from_secs(20))
            .query_timeout(Duration::from_secs(60));
        let connection = E::Connection::to(&access.maintenance_url());
        connection.run(&format!("CREATE DATABASE {name}"));
        Self { access: access.clone(), name, user: None, options, engine: PhantomData }
    }

    /// The same database, for a user who may do nothing yet.
    pub(crate) fn for_nobody(mut self) -> Self {
        let user = format!("{}_user", self.name);
        self.sql(&E::create_user(&user, "nobody"));
        self.user = Some(user);
        self
    }

    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().unwrap()
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.access.host(), self.access.port())
    }

    /// Another database of the server.
    pub(crate) fn url_of(&self, database: &str) -> DbUrl {
        self.access.url(database).parse().unwrap()
    }

    /// The superuser's name and password, as they stand in a URL.
    pub(crate) fn userinfo(&self) -> String {
        let url = self.access.url("");
        let behind_scheme = url.split_once("//").unwrap().1;
        behind_scheme.split_once('@').unwrap().0.to_owned()
    }

    /// What another process would use, with every right.
    pub(crate) fn connection(&self) -> E::Connection {
        E::Connection::to(&self.access.url(&self.name))
    }

    /// The numbers of connections that are at an UPDATE, and wait for a lock.
    pub(crate) fn waiting(&self) -> Vec<String> {
        self.texts(E::WAITING)
    }

    /// The numbers of the connections that stores have.
    pub(crate) fn connected(&self) -> Vec<String> {
        self.texts(E::CONNECTED)
    }
}

impl<E: Engine> TestDatabase for Fixture<E> {
    const LAX: &'static str = E::LAX;
    const TABLES: &'static str = E::TABLES;
    const QUOTE: char = E::QUOTE;

    fn runs_here(test: &str) -> bool {
        is_there::<E>(test)
    }

    fn empty() -> Self {
        Self::on(&Access::for_test("it runs here", E::KIND).unwrap().unwrap())
    }

    fn url(&self) -> DbUrl {
        let url = match &self.user {
            Some(user) => {
                format!("{}://{user}:nobody@{}/{}", E::SCHEME, self.address(), self.name)
            }
            None => self.access.url(&self.name),
        };
        url.parse().unwrap()
    }

    fn options(&self) -> &Options {
        &self.options
    }

    fn with_options(mut self, change: impl FnOnce(Options) -> Options) -> Self {
        self.options = change(self.options.clone());
        self
    }

    fn sql(&self, statements: &str) {
        self.connection().run(statements);
    }

    fn texts(&self, query: &str) -> Vec<String> {
        self.connection().texts(query)
    }

    fn insert(&self, rows: &[RawRow]) {
        if rows.is_empty() {
            return;
        }
        let columns = Column::ALL.map(Column::name).join(", ");
        let values = |row: &RawRow| format!("({})", row.cells().map(literal::<E>).join(", "));
        let rows: Vec<_> = rows.iter().map(values).collect();
        self.sql(&format!("INSERT INTO clusterer ({columns}) VALUES {}", rows.join(", ")));
    }

    fn make_text(&self, column: &str) {
        self.sql(&E::make_text(column));
    }

    fn plain(&self, text: &impl ToString) -> String {
        let text = text.to_string().replace(&self.url().to_string(), "URL");
        let text = match &self.user {
            Some(user) => text.replace(user, "USER"),
            None => text,
        };
        text.replace(&self.address(), "HOST").replace(&self.name, "NAME")
    }
}

impl<E: Engine> Provisioned for Fixture<E> {
    fn store(&self) -> Arc<dyn NodeStore> {
        self.open().unwrap().into()
    }

    fn set_state(&self, id: i64, state: i64) {
        self.sql(&format!("UPDATE clusterer SET state = {state} WHERE id = {id}"));
    }

    fn delete(&self, id: i64) {
        self.sql(&format!("DELETE FROM clusterer WHERE id = {id}"));
    }

    fn row(&self, id: i64) -> Option<RawRow> {
        let rows = self.admin().list().unwrap();
        rows.into_iter().find(|row| row.id == Cell::Int(id.into()))
    }
}

impl<E: Engine> Telling for Fixture<E> {
    fn cut(&self) {
        for id in self.connected() {
            let [(end, _), _] = E::endings(&id);
            self.sql(&end);
        }
    }
}

impl<E: Engine> Drop for Fixture<E> {
    fn drop(&mut self) {
        let connection = E::Connection::to(&self.access.maintenance_url());
        connection.run(&E::drop_database(&self.name));
        if let Some(user) = &self.user {
            connection.run(&E::drop_user(user));
        }
    }
}

fn literal<E: Engine>(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Text(text) => E::literal(text),
        other => panic!("cannot be stored: {other:?}"),
    }
}
