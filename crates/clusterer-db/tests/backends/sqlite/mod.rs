//! SQLite: a file, and what can happen to it.

mod admin;
mod changes;
mod fixture;
mod malformed;
mod processes;
mod schema;
mod store;
mod upgrade;

use crate::shared::TestDatabase as _;
use fixture::Fixture;

clusterer_tests::conformance!(Fixture::with);
clusterer_tests::conformance_of_hints!(Fixture::with);

/// What holds on every kind of database.
mod shared {
    crate::shared::suite!(crate::sqlite::Fixture);
}
