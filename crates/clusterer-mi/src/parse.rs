//! JSON becomes plain values.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use crate::MiData;

impl MiData {
    /// Reads JSON. Members keep their order, of two with one name the last counts. A number that is no
    /// whole one of 64 bits becomes a text. Nesting is limited, to 127 levels; limit the length before.
    ///
    /// ```
    /// use clusterer_mi::MiData;
    ///
    /// let data = MiData::parse(r#"{ "b": [1, null], "a": 2.5 }"#)?;
    /// assert_eq!(data.to_string(), r#"{"b":[1,null],"a":"2.5"}"#);
    /// # Ok::<(), clusterer_mi::NotJson>(())
    /// ```
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn parse(text: &str) -> Result<Self, NotJson> {
        let read =
            |error: serde_json::Error| NotJson { line: error.line(), column: error.column() };
        serde_json::from_str::<Value>(text).map(|value| value.0).map_err(read)
    }
}

/// A text is no JSON, or nests too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no JSON from line {line}, column {column}")]
#[non_exhaustive]
pub struct NotJson {
    /// Where reading stopped, from 1.
    pub line: usize,
    /// The byte of that line, from 1; 0 is the end of the line before.
    pub column: usize,
}

/// So that who embeds this crate does not see serde.
struct Value(MiData);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Values).map(Self)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = MiData;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<MiData, E> {
        Ok(MiData::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<MiData, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<MiData, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<MiData, E> {
        Ok(i64::try_from(value).map_or_else(|_| value.to_string().into(), MiData::from))
    }

    fn visit_f64<E>(self, value: f64) -> Result<MiData, E> {
        Ok(value.to_string().into())
    }

    fn visit_str<E>(self, value: &str) -> Result<MiData, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<MiData, A::Error> {
        let mut values = Vec::new();
        while let Some(Value(value)) = input.next_element()? {
            values.push(value);
        }
        Ok(MiData::List(values))
    }

    /// Names are looked up, since an object may have very many.
    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<MiData, A::Error> {
        let mut members: Vec<(String, MiData)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        while let Some((name, Value(value))) = input.next_entry::<String, Value>()? {
            match places.get(&name).and_then(|place| members.get_mut(*place)) {
                Some((_, slot)) => *slot = value,
                None => {
                    places.insert(name.clone(), members.len());
                    members.push((name, value));
                }
            }
        }
        Ok(MiData::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> String {
        MiData::parse(text).map_or_else(|error| error.to_string(), |data| data.to_string())
    }

    #[test]
    fn order_is_kept_and_the_last_of_a_name_counts() {
        assert_eq!(parsed(r#"{"b":1,"a":true,"b":"x"}"#), r#"{"b":"x","a":true}"#);
    }

    #[test]
    fn numbers_beyond_64_bits_are_texts() {
        assert_eq!(parsed("9223372036854775807"), "9223372036854775807");
        assert_eq!(parsed("9223372036854775808"), r#""9223372036854775808""#);
        assert_eq!(parsed("-1.5"), r#""-1.5""#);
    }

    #[test]
    fn what_is_no_json() {
        for (text, place) in [("", (1, 0)), ("{\n]", (2, 1)), ("1 2", (1, 3)), ("nul", (1, 3))] {
            let error = MiData::parse(text).unwrap_err();
            assert_eq!((error.line, error.column), place, "{text}");
        }
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(MiData::parse(&deep(127)).is_ok());
        assert!(MiData::parse(&deep(128)).is_err());
    }

    fn any_data() -> impl Strategy<Value = MiData> {
        let leaf = prop_oneof![
            Just(MiData::Null),
            any::<bool>().prop_map(MiData::from),
            any::<i64>().prop_map(MiData::from),
            any::<String>().prop_map(MiData::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(MiData::List),
                prop::collection::vec((any::<String>(), inner), 0..8).prop_map(MiData::object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(data in any_data()) {
            prop_assert_eq!(MiData::parse(&data.to_string()), Ok(data));
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = MiData::parse(&text);
        }
    }
}
