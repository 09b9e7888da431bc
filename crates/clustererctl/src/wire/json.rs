//! How a packet looks in JSON.

use super::DialectName;
use clusterer_bin::{Record, Value};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::{self, Write};

/// One packet.
///
/// The body is `fields` where its layout is known and followed, else `body`. What is derived from the
/// rest is only shown: it is taken and ignored on the way back, so that fields can be changed without
/// care for it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PacketJson {
    pub(super) dialect: DialectName,
    /// Derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    #[serde(default = "first_version")]
    pub(super) version: i16,
    pub(super) module: Text,
    pub(super) command: i32,
    /// Derived: what the packet is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) sender: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) destination: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fields: Option<Node>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Hex>,
    /// Derived: why the body is not shown as fields although its layout is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
    /// Bytes behind the fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_over: Option<Hex>,
    /// The header bytes that 2.2 leaves unset, where they are not zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reserved: Option<Hex>,
    /// How many of the empty strings at the end of the fields are not in the packet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) uncounted: usize,
    /// How many zero words stand between this packet and the next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) zeros_after: usize,
}

fn first_version() -> i16 {
    1
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Bytes, two hex digits each.
#[derive(Debug, PartialEq)]
pub(super) struct Hex(pub(super) Vec<u8>);

impl Hex {
    pub(super) fn unless_empty(bytes: &[u8]) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self(bytes.to_vec()))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        unhex(&digits).map(Self).map_err(de::Error::custom)
    }
}

/// The bytes of a string: as text where they are text, else as `{"hex": …}`.
#[derive(Debug, PartialEq)]
pub(super) struct Text(pub(super) Vec<u8>);

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_bytes(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)?.0 {
            Value::Str(bytes) => Ok(Self(bytes)),
            _ => Err(de::Error::custom("expected a string")),
        }
    }
}

/// A field's value.
#[derive(Debug, PartialEq)]
pub(super) struct Node(pub(super) Value);

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown(&self.0).serialize(serializer)
    }
}

/// A field's value, borrowed.
struct Shown<'v>(&'v Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Int(int) => serializer.serialize_i32(*int),
            Value::Str(bytes) => serialize_bytes(bytes, serializer),
            Value::Raw(bytes) => serialize_wrapped("raw", bytes, serializer),
            Value::List(elements) => {
                let mut list = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    list.serialize_element(&Shown(element))?;
                }
                list.end()
            }
            Value::Record(record) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in record.iter() {
                    map.serialize_entry(name, &Shown(value))?;
                }
                map.end()
            }
            other => Err(serde::ser::Error::custom(format!("{other:?} has no form in JSON"))),
        }
    }
}

/// A NUL tells numbers that lie raw in a string from text: some would be text by chance.
fn serialize_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => serializer.serialize_str(text),
        _ => serialize_wrapped("hex", bytes, serializer),
    }
}

fn serialize_wrapped<S: Serializer>(
    key: &'static str,
    bytes: &[u8],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, &hex(bytes))?;
    map.end()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor).map(Self)
    }
}

/// The most fields that an object may have: well above what any layout has.
const MOST_FIELDS: usize = 256;

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, an integer of 32 bits, a list or an object")
    }

    fn visit_i64<E: de::Error>(self, int: i64) -> Result<Value, E> {
        let outside = |_| E::custom(format!("{int} does not fit an integer of 32 bits"));
        i32::try_from(int).map(Value::Int).map_err(outside)
    }

    fn visit_u64<E: de::Error>(self, int: u64) -> Result<Value, E> {
        let outside = |_| E::custom(format!("{int} does not fit an integer of 32 bits"));
        i32::try_from(int).map(Value::Int).map_err(outside)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(text.as_bytes().to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Node(element)) = list.next_element()? {
            elements.push(element);
        }
        Ok(Value::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut record = Record::new();
        while let Some(name) = map.next_key::<String>()? {
            if record.get(&name).is_some() {
                return Err(de::Error::custom(format!("{name} is given twice")));
            }
            if record.iter().count() == MOST_FIELDS {
                return Err(de::Error::custom("no packet has so many fields side by side"));
            }
            let Node(value) = map.next_value()?;
            record.push(name, value);
        }
        unwrapped(record).map_err(de::Error::custom)
    }
}

/// No field is called `hex` or `raw`: an object of one such key is bytes.
fn unwrapped(record: Record) -> Result<Value, String> {
    let mut entries = record.iter();
    let bytes = match (entries.next(), entries.next()) {
        (Some((key @ ("hex" | "raw"), Value::Str(digits))), None) => {
            let digits = String::from_utf8_lossy(digits);
            Some((key == "raw", unhex(&digits)?))
        }
        _ => None,
    };
    drop(entries);
    Ok(match bytes {
        Some((true, bytes)) => Value::Raw(bytes),
        Some((false, bytes)) => Value::Str(bytes),
        None => Value::Record(record),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        // A String takes whatever is written.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn unhex(digits: &str) -> Result<Vec<u8>, String> {
    let wrong = || "not hex: two digits a byte are expected".to_owned();
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    let byte = |&[high, low]: &[u8; 2]| {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        Some(digit(high)? << 4 | digit(low)?)
    };
    pairs.iter().map(byte).collect::<Option<_>>().ok_or_else(wrong)
}
