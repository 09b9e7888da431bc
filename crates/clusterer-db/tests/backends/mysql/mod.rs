//! MySQL, on a MariaDB.

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
use engine::Mysql;

type Fixture = fixture::Fixture<Mysql>;

/// Ends a test that needs the server where there is none.
macro_rules! needs_server {
    ($test:ident) => {
        crate::server::needs_server!(crate::mysql::Mysql, $test);
    };
}
use needs_server;

clusterer_tests::conformance!(Fixture::with, fixture::is_there::<Mysql>);
clusterer_tests::conformance_of_hints!(Fixture::with, fixture::is_there::<Mysql>);

/// What holds on every kind of database.
mod shared {
    crate::shared::suite!(crate::mysql::Fixture);
}

/// What holds on every kind of server.
mod server {
    crate::server::suite!(crate::mysql::Mysql);
}
