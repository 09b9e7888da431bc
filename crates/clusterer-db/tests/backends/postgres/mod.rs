//! PostgreSQL.

mod admin;
mod changes;
mod engine;
mod errors;
mod malformed;
mod reaching;
mod schema;
mod upgrade;

use crate::server::fixture;
use crate::shared::TestDatabase as _;
use clusterer_node::RawRow;
use engine::Postgres;

type Fixture = fixture::Fixture<Postgres>;

/// A database with these rows that tells of changes.
fn telling(rows: &[RawRow]) -> Fixture {
    let fixture = Fixture::with(rows);
    fixture.admin().init_notify().unwrap();
    fixture
}

/// Ends a test that needs the server where there is none.
macro_rules! needs_server {
    ($test:ident) => {
        crate::server::needs_server!(crate::postgres::Postgres, $test);
    };
}
use needs_server;

clusterer_tests::conformance!(Fixture::with, fixture::is_there::<Postgres>);
clusterer_tests::conformance_of_hints!(Fixture::with, fixture::is_there::<Postgres>);

/// The same with triggers.
mod by_triggers {
    use super::{Postgres, fixture, telling};

    clusterer_tests::conformance!(telling, fixture::is_there::<Postgres>);
    clusterer_tests::conformance_of_hints!(telling, fixture::is_there::<Postgres>);
}

/// What holds on every kind of database.
mod shared {
    crate::shared::suite!(crate::postgres::Fixture);
}

/// What holds on every kind of server.
mod server {
    crate::server::suite!(crate::postgres::Postgres);
}
