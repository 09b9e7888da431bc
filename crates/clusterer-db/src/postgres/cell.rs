//! A value as it is, whatever type its column has: the server sends it in that type's binary form.

use crate::text;
use clusterer_node::Cell;
use std::error::Error;
use tokio_postgres::types::{FromSql, Type};

/// Any value but NULL.
pub(super) struct Raw(pub(super) Cell);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(kind: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(cell(kind, bytes)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn cell(kind: &Type, bytes: &[u8]) -> Cell {
    match *kind {
        Type::INT2 => number(bytes.try_into().map(i16::from_be_bytes)),
        Type::INT4 => number(bytes.try_into().map(i32::from_be_bytes)),
        Type::INT8 => number(bytes.try_into().map(i64::from_be_bytes)),
        Type::NUMERIC => whole(bytes).map_or(Cell::Other("a fraction"), Cell::Int),
        Type::FLOAT4 | Type::FLOAT8 => Cell::Other("a floating-point number"),
        Type::BOOL => Cell::Other("a boolean"),
        Type::BYTEA => Cell::Other("a blob"),
        // The blanks that fill it up to its width are not what somebody wrote into it.
        Type::BPCHAR => match text::cell(bytes) {
            Cell::Text(text) => Cell::Text(text.trim_end_matches(' ').to_owned()),
            other => other,
        },
        Type::NAME | Type::TEXT | Type::UNKNOWN | Type::VARCHAR => text::cell(bytes),
        _ => Cell::Other("of another type"),
    }
}

fn number<N: Into<i128>, E>(number: Result<N, E>) -> Cell {
    number.map_or(Cell::Other("of another length"), |number| Cell::Int(number.into()))
}

/// A NUMERIC, if it is a whole number that fits: the count of its digits to the base 10,000, the
/// power of that base that the first stands for, a sign, how many decimals are shown, the digits.
fn whole(bytes: &[u8]) -> Option<i128> {
    let mut words = bytes.chunks_exact(2).filter_map(|word| word.try_into().ok());
    let mut word = || words.next().map(u16::from_be_bytes);
    let count = word()?;
    let power = i16::from_be_bytes(word()?.to_be_bytes());
    let sign = match word()? {
        0 => 1,
        0x4000 => -1,
        // Neither a number nor finite.
        _ => return None,
    };
    word()?;
    let mut value = 0_i128;
    // Past the last digit that is sent come zeros.
    for at in 0..count.max(u16::try_from(i32::from(power) + 1).unwrap_or(0)) {
        let digit = if at < count { word()? } else { 0 };
        if i32::from(at) <= i32::from(power) {
            value = value.checked_mul(10_000)?.checked_add(digit.into())?;
        } else if digit != 0 {
            return None;
        }
    }
    value.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(count: u16, power: i16, sign: u16, digits: &[u16]) -> Option<i128> {
        let header = [count, u16::from_be_bytes(power.to_be_bytes()), sign, 0];
        let words = header.iter().chain(digits);
        whole(&words.flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn a_numeric_is_a_number_if_it_is_whole() {
        assert_eq!(numeric(0, 0, 0, &[]), Some(0));
        assert_eq!(numeric(1, 0, 0, &[42]), Some(42));
        assert_eq!(numeric(1, 0, 0x4000, &[42]), Some(-42));
        assert_eq!(numeric(1, 1, 0, &[3]), Some(30_000));
        assert_eq!(
            numeric(5, 4, 0, &[1844, 6744, 737, 955, 1615]),
            Some(18_446_744_073_709_551_615)
        );
        assert_eq!(numeric(2, 0, 0, &[1, 5000]), None, "1.5");
        assert_eq!(numeric(1, -1, 0, &[5000]), None, "0.5");
        assert_eq!(numeric(0, 0, 0xc000, &[]), None, "NaN");
        assert_eq!(numeric(1, 12, 0, &[1]), None, "too large");
        assert_eq!(numeric(1, i16::MAX, 0, &[1]), None, "much too large");
        assert_eq!(numeric(2, 1, 0, &[1]), None, "cut off");
        assert_eq!(whole(&[0, 1]), None, "cut off");
    }

    #[test]
    fn a_value_is_what_it_is() {
        assert_eq!(cell(&Type::INT2, &[0xff, 0xfe]), Cell::Int(-2));
        assert_eq!(cell(&Type::INT4, &[0, 0, 1, 0]), Cell::Int(256));
        assert_eq!(cell(&Type::INT4, &[0, 0]), Cell::Other("of another length"));
        assert_eq!(cell(&Type::VARCHAR, b"a  "), Cell::Text("a  ".into()));
        assert_eq!(cell(&Type::BPCHAR, b"a b  "), Cell::Text("a b".into()));
        assert_eq!(cell(&Type::TEXT, &[0xff]), Cell::Other("text that is no UTF-8"));
        assert_eq!(cell(&Type::POINT, &[0; 16]), Cell::Other("of another type"));
    }
}
