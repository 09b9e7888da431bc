//! A driver of one's own: it loads a cluster of two and prints what there is to do.

use clusterer_core::{Core, Input, Settings};
use clusterer_node::{Cell, MachineId, Now, RawRow, ResolvedRow, Row, RowError, Table, UnixTime};

fn main() -> Result<(), RowError> {
    let Some(own) = MachineId::new(1) else { return Ok(()) };
    let (table, skipped) = Table::build(own, vec![node(1)?, node(2)?]);
    assert!(skipped.is_empty(), "{skipped:?}");

    let (mut core, mut actions) = (Core::new(own, Settings::default(), 0), Vec::new());
    core.handle(Now::default(), Input::Loaded(table), &mut actions);
    println!("{actions:?}, and again at {:?}", core.deadline());
    Ok(())
}

fn node(number: u8) -> Result<ResolvedRow, RowError> {
    let raw = RawRow {
        id: Cell::Int(number.into()),
        cluster_id: Cell::Int(1),
        machine_id: Cell::Int(number.into()),
        url: Cell::Text(format!("bin:127.0.0.{number}:5566")),
        ..RawRow::default()
    };
    let row = Row::parse(&raw, UnixTime::ZERO)?.row;
    Ok(ResolvedRow { row, ip: [127, 0, 0, number].into() })
}
