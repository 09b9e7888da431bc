//! A value as it is, whatever the column is declared to hold.

use crate::text;
use clusterer_node::Cell;
use rusqlite::types::ValueRef;

pub(super) fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number.into()),
        ValueRef::Real(number) => whole(number).map_or(Cell::Other("a fraction"), Cell::Int),
        ValueRef::Text(bytes) => text::cell(bytes),
        ValueRef::Blob(_) => Cell::Other("a blob"),
    }
}

/// SQLite keeps a whole number past 63 bits, such as a time with junk in it, as a floating-point
/// number: it is still a whole number.
fn whole(number: f64) -> Option<i128> {
    if number.fract() == 0.0 { format!("{number:.0}").parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_past_63_bits_is_still_whole() {
        assert_eq!(whole(18_446_744_073_709_551_616.0), Some(1 << 64));
        assert_eq!(whole(-3.0), Some(-3));
        assert_eq!(whole(0.5), None);
        assert_eq!(whole(f64::MAX), None);
        assert_eq!(whole(f64::INFINITY), None);
        assert_eq!(whole(f64::NAN), None);
    }
}
