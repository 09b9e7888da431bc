//! A value as it is, whatever type its column has: a prepared statement's rows come in their types'
//! binary forms.

use crate::text;
use clusterer_node::Cell;
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Value};

/// The character set of what is no text.
const BINARY: u16 = 63;

pub(super) fn cell(column: &Column, value: &Value) -> Cell {
    match value {
        Value::NULL => Cell::Null,
        Value::Int(number) => Cell::Int((*number).into()),
        Value::UInt(number) => Cell::Int((*number).into()),
        Value::Float(_) | Value::Double(_) => Cell::Other("a floating-point number"),
        Value::Date(..) | Value::Time(..) => Cell::Other("a time"),
        Value::Bytes(bytes) => of_bytes(column, bytes),
    }
}

fn of_bytes(column: &Column, bytes: &[u8]) -> Cell {
    match column.column_type() {
        ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => {
            whole(bytes).map_or(Cell::Other("a fraction"), Cell::Int)
        }
        ColumnType::MYSQL_TYPE_BLOB
        | ColumnType::MYSQL_TYPE_LONG_BLOB
        | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
        | ColumnType::MYSQL_TYPE_STRING
        | ColumnType::MYSQL_TYPE_TINY_BLOB
        | ColumnType::MYSQL_TYPE_VARCHAR
        | ColumnType::MYSQL_TYPE_VAR_STRING => {
            if column.character_set() == BINARY {
                Cell::Other("a blob")
            } else {
                text::cell(bytes)
            }
        }
        _ => Cell::Other("of another type"),
    }
}

/// A DECIMAL, if it is a whole number that fits.
fn whole(digits: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(digits).ok()?;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.bytes().all(|digit| digit == b'0') { whole.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_type(kind: ColumnType, set: u16, bytes: &[u8]) -> Cell {
        cell(&Column::new(kind).with_character_set(set), &Value::Bytes(bytes.to_vec()))
    }

    #[test]
    fn a_decimal_is_a_number_if_it_is_whole() {
        assert_eq!(whole(b"0"), Some(0));
        assert_eq!(whole(b"-42.000"), Some(-42));
        assert_eq!(whole(b"18446744073709551615"), Some(u64::MAX.into()));
        assert_eq!(whole(b"1.50"), None);
        assert_eq!(whole(&[b'9'; 65]), None, "too large");
        assert_eq!(whole(b""), None);
    }

    #[test]
    fn bytes_are_what_the_column_says_they_are() {
        let text = ColumnType::MYSQL_TYPE_VAR_STRING;
        assert_eq!(
            of_type(text, 45, b"7"),
            Cell::Text("7".into()),
            "no number is read into a text"
        );
        assert_eq!(of_type(text, BINARY, b"7"), Cell::Other("a blob"));
        assert_eq!(of_type(ColumnType::MYSQL_TYPE_NEWDECIMAL, BINARY, b"7.0"), Cell::Int(7));
        assert_eq!(
            of_type(ColumnType::MYSQL_TYPE_BIT, BINARY, &[7]),
            Cell::Other("of another type")
        );
    }

    #[test]
    fn numbers_have_the_widths_they_come_with() {
        let column = Column::new(ColumnType::MYSQL_TYPE_LONGLONG);
        assert_eq!(cell(&column, &Value::UInt(u64::MAX)), Cell::Int(u64::MAX.into()));
        assert_eq!(cell(&column, &Value::Int(i64::MIN)), Cell::Int(i64::MIN.into()));
        assert_eq!(cell(&column, &Value::Double(1.0)), Cell::Other("a floating-point number"));
        assert_eq!(cell(&column, &Value::NULL), Cell::Null);
    }
}
