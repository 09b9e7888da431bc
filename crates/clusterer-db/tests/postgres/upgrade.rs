//! A table of the later generation from one of version 1, in PostgreSQL.

use crate::conformance::{Provisioned, node, wait};
use crate::fixture::{Fixture, needs_server};
use clusterer_db::UpgradeError;
use clusterer_node::{Cell, RawRow, StoreError};

fn rows() -> [RawRow; 4] {
    [
        RawRow {
            state: Cell::Int(0),
            failed_attempts: Cell::Int(9),
            description: Cell::Text("Node 'A' \\' --".into()),
            ..node(1)
        },
        RawRow { state: Cell::Int(2), ..node(2) },
        RawRow { url: Cell::Text("127.0.0.1:5060".into()), ..node(3) },
        RawRow { description: Cell::Text("a\n$1 \u{2603}".into()), ..node(4) },
    ]
}

const WRITTEN: [&str; 3] = [
    "(1,1,1,bin:127.0.0.1:1025,0,9,50,,,\"Node 'A' \\\\' --\")",
    "(2,1,2,bin:127.0.0.1:1026,1,3,50,,,)",
    "(3,1,4,bin:127.0.0.1:1028,1,3,50,,,\"a $1 \u{2603}\")",
];

fn written(fixture: &Fixture, table: &str) -> Vec<String> {
    fixture.texts(&format!("SELECT {table}::text FROM {table} ORDER BY id"))
}

fn tables(fixture: &Fixture) -> Vec<String> {
    fixture.texts(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    )
}

#[test]
fn a_plan_changes_nothing_and_what_was_planned_is_written() {
    needs_server!(a_plan_changes_nothing_and_what_was_planned_is_written);
    let fixture = Fixture::with(&rows());
    let before = tables(&fixture);
    let planned = fixture.admin().plan_upgrade("later").unwrap();
    assert_eq!(tables(&fixture), before);
    let told: Vec<_> = planned.rows.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "row 1: cluster 1 machine 1",
            "row 2: cluster 1 machine 2, state 2 becomes 1",
            "row 3 is left out: column url is of protocol udp, there are only BIN nodes there",
            "row 4: cluster 1 machine 4, control characters in the description become blanks",
        ]
    );
    assert_eq!(fixture.admin().upgrade("later").unwrap(), planned);
    assert_eq!(written(&fixture, "later"), WRITTEN);
    assert_eq!(
        fixture.texts("SELECT concat_ws(' ', table_name, table_version) FROM version ORDER BY 1"),
        ["clusterer 1", "later 4"]
    );
    assert_eq!(wait(fixture.store().load()).unwrap(), rows());

    // Rows that are added later are numbered on, as in the table of version 1.
    fixture.sql("INSERT INTO later (cluster_id, node_id, url) VALUES (2, 1, 'bin:127.0.0.9')");
    assert_eq!(fixture.texts("SELECT max(id)::text FROM later"), ["4"]);
    assert_eq!(
        fixture.texts("SELECT concat_ws(' ', max_value, cycle) FROM pg_sequences"),
        ["2147483647 t", "2147483647 t"]
    );
}

#[test]
fn the_script_does_the_same() {
    needs_server!(the_script_does_the_same);
    let fixture = Fixture::with(&rows());
    fixture.sql(&fixture.admin().plan_upgrade("later").unwrap().script);
    assert_eq!(written(&fixture, "later"), WRITTEN);
    let exists = UpgradeError::Exists { table: "later".into() };
    assert_eq!(fixture.admin().upgrade("later").unwrap_err(), exists);
}

/// As `db/schema/clusterer.xml` of OpenSIPS has it for version 4.
#[test]
fn the_table_is_that_of_the_later_generation() {
    needs_server!(the_table_is_that_of_the_later_generation);
    let fixture = Fixture::new();
    fixture.admin().upgrade("later").unwrap();
    assert_eq!(
        fixture.texts(
            "SELECT concat_ws(' ', column_name, data_type, character_maximum_length, is_nullable,
                column_default)
             FROM information_schema.columns WHERE table_name = 'later' ORDER BY ordinal_position"
        ),
        [
            "id integer NO nextval('later_id_seq'::regclass)",
            "cluster_id integer NO",
            "node_id integer NO",
            "url character varying 64 NO",
            "state integer NO 1",
            "no_ping_retries integer NO 3",
            "priority integer NO 50",
            "sip_addr character varying 64 YES NULL::character varying",
            "flags character varying 64 YES NULL::character varying",
            "description character varying 64 YES NULL::character varying",
        ]
    );
    assert_eq!(
        fixture.texts(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid = 'later'::regclass AND contype IN ('p', 'u') ORDER BY 1"
        ),
        ["PRIMARY KEY (id)", "UNIQUE (cluster_id, node_id)"]
    );
}

#[test]
fn of_several_who_write_at_once_one_does() {
    needs_server!(of_several_who_write_at_once_one_does);
    let fixture = &Fixture::with(&rows());
    let written = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| fixture.admin().upgrade("later"))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 1);
    let exists = UpgradeError::Exists { table: "later".into() };
    assert_eq!(written.iter().filter(|it| it.as_ref().err() == Some(&exists)).count(), 3);
}

#[test]
fn half_a_table_is_never_there() {
    needs_server!(half_a_table_is_never_there);
    let fixture = Fixture::with(&rows()).for_nobody();
    let user = fixture.user();
    fixture.sql(&format!(
        "GRANT CREATE ON SCHEMA public TO {user}; GRANT SELECT ON clusterer, version TO {user}"
    ));
    let before = tables(&fixture);
    let error = fixture.admin().upgrade("later").unwrap_err();
    assert!(matches!(error, UpgradeError::Store(StoreError::Refused(_))), "{error:?}");
    assert!(error.to_string().contains("permission denied for table version"), "{error}");
    assert_eq!(tables(&fixture), before);
}
