//! Ids as newtypes: a cluster id is never mistaken for a machine id.

use core::fmt;
use core::num::NonZeroI32;
use core::str::FromStr;

/// A value that is no id: ids of clusters and machines are whole numbers from 1 to 2147483647.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is a whole number from 1 to 2147483647")
    }
}

impl core::error::Error for IdError {}

macro_rules! positive_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroI32);

        impl $name {
            /// The id with this number, if it is within 1 to 2147483647.
            #[must_use]
            pub const fn new(number: i32) -> Option<Self> {
                match NonZeroI32::new(number) {
                    Some(id) if id.is_positive() => Some(Self(id)),
                    _ => None,
                }
            }

            /// The number as it stands in the database and on the wire.
            #[must_use]
            pub const fn get(self) -> i32 {
                self.0.get()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl TryFrom<i128> for $name {
            type Error = IdError;

            fn try_from(number: i128) -> Result<Self, IdError> {
                i32::try_from(number).ok().and_then(Self::new).ok_or(IdError)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Digits only, leading zeros allowed, no sign (as the MI commands take them).
            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(IdError);
                }
                text.parse().ok().and_then(Self::new).ok_or(IdError)
            }
        }
    };
}

positive_id! {
    /// The id of a cluster: 1 to 2147483647.
    ClusterId
}

positive_id! {
    /// The id of a machine within its clusters (`server_id` of its own configuration): 1 to 2147483647.
    MachineId
}

/// The database key of a row: the manual's `clusterer_id_col`. Zero or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DbId(i64);

impl DbId {
    /// The key with this number, unless it is negative.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number >= 0 { Some(Self(number)) } else { None }
    }

    /// The number as it stands in the database.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for DbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What identifies a node: a machine within a cluster. Survives reloads; [`DbId`] may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// The cluster.
    pub cluster: ClusterId,
    /// The machine within it.
    pub machine: MachineId,
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster {} machine {}", self.cluster, self.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_digits_within_range() {
        let parse = |text: &str| text.parse::<ClusterId>().map(ClusterId::get).ok();
        assert_eq!(parse("1"), Some(1));
        assert_eq!(parse("0007"), Some(7));
        assert_eq!(parse("2147483647"), Some(i32::MAX));
        for wrong in ["", "0", "-1", "+1", " 1", "1 ", "2147483648", "4294967297", "1x", "0x1"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_cluster_id_past_32_bits_does_not_wrap_to_1() {
        assert_eq!(ClusterId::try_from(4_294_967_297_i128), Err(IdError));
    }
}
