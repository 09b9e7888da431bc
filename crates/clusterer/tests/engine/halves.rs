//! Whoever looks while tables are replaced sees one of them as a whole.

use crate::support::{TestStore, machine, row};
use clusterer::{Cell, Cluster, Protocol, RawRow, View};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const READERS: usize = 2;

/// Machine 1 and its peers; each says how many they are, and in which clusters.
fn table(peers: i32, number: usize) -> Vec<RawRow> {
    let of = |cluster: i128| {
        move |machine: i32| RawRow {
            id: Cell::Int(cluster * 1000 + i128::from(machine)),
            cluster_id: Cell::Int(cluster),
            state: Cell::Int(0),
            description: Cell::Text(format!("table {number} has {peers}")),
            ..row(machine, ([127, 0, 0, 1], 1).into())
        }
    };
    (1..=1 + peers).flat_map(|machine| [of(1)(machine), of(2)(machine)]).collect()
}

/// What all nodes say, which has to be the same of all, and true.
fn check(view: &View) -> String {
    let said: BTreeSet<&str> = view.nodes().map(|view| &*view.node.row.description).collect();
    assert_eq!(said.len(), 1, "half of one table and half of another: {said:?}");
    let said = said.first().expect("there is one");
    for cluster in view.clusters() {
        let count = cluster.nodes.len();
        assert!(said.ends_with(&format!(" has {count}")), "{count} in {}: {said}", cluster.id);
        assert_eq!(view.up(cluster.id, Protocol::Bin).count(), 0);
        assert!(cluster.nodes.iter().all(|node| view.node(node.node.key()).is_some()));
    }
    (*said).to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn no_reader_ever_sees_half_a_table(sizes in prop::collection::vec(1..60_i32, 2..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = TestStore::new(table(sizes[0], 0));
        let engine = runtime
            .block_on(Cluster::builder(machine(1), store.clone()).start())
            .expect("it starts");
        let ending = AtomicBool::new(false);
        let looks: usize = thread::scope(|scope| {
            let reader = || {
                let mut looks = 0;
                while !ending.load(Ordering::Relaxed) {
                    check(&engine.view());
                    looks += 1;
                }
                looks
            };
            let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(reader)).collect();
            for (number, &peers) in sizes.iter().enumerate() {
                *store.rows.lock().unwrap() = table(peers, number);
                runtime.block_on(engine.reload()).expect("the store is well");
                let said = check(&engine.view());
                assert_eq!(said, format!("table {number} has {peers}"), "it is there on return");
            }
            ending.store(true, Ordering::Relaxed);
            readers.into_iter().map(|reader| reader.join().expect("no half")).sum()
        });
        prop_assert!(looks > 0);
        runtime.block_on(engine.shutdown());
    }
}
