//! Several who administer one database, and names as long as it takes.

use super::engine::Engine;
use super::fixture::Fixture;
use crate::shared::TestDatabase;
use clusterer_db::NewNode;
use clusterer_node::UnixTime;
use clusterer_tests::conformance::node;

/// No index keeps them from it here.
pub(crate) fn several_who_add_one_node_at_once_add_it_once<E: Engine>() {
    let fixture = Fixture::<E>::lax(&node(1));
    fixture.sql(E::NUMBERED);
    let admins: Vec<_> = (0..8).map(|_| fixture.admin()).collect();
    let added = std::thread::scope(|scope| {
        let new = NewNode::new(1, 2, "bin:127.0.0.1");
        let add = |admin| {
            let new = new.clone();
            scope.spawn(move || clusterer_db::Admin::add(admin, &new))
        };
        let threads: Vec<_> = admins.iter().map(add).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1, "{added:?}");
    assert_eq!(fixture.admin().list().unwrap().len(), 2);
}

pub(crate) fn the_longest_names_fit<E: Engine>() {
    let (table, id): (&str, &str) = (&"t".repeat(63), &"i".repeat(63));
    let fixture = Fixture::<E>::named([("db_table", table), ("clusterer_id_col", id)]);
    // The version table takes 32 characters of a table's name.
    let error = fixture.admin().init().unwrap_err();
    assert!(error.to_string().contains(E::NAME_TOO_LONG), "{error}");
    let fixture = fixture.renamed([("db_table", &table[..32]), ("clusterer_id_col", id)]);
    fixture.admin().init().unwrap();
    assert_eq!(fixture.admin().check(UnixTime::ZERO).unwrap(), []);
    assert_eq!(fixture.admin().add(&NewNode::new(1, 1, "bin:127.0.0.1")).unwrap().get(), 1);
}
