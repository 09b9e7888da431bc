//! A provisioning tool that checks one row before it goes into the database.

use clusterer_node::{Cell, RawRow, Row, UnixTime};

fn main() {
    let raw = RawRow {
        id: Cell::Int(2),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(2),
        url: Cell::Text("bin:192.0.2.6:5566".into()),
        ..RawRow::default()
    };
    match Row::parse(&raw, UnixTime::ZERO) {
        Ok(parsed) => println!("node {} listens at {}", parsed.row.machine, parsed.row.url),
        Err(error) => eprintln!("{error}"),
    }
}
