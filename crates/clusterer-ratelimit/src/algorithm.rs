//! The algorithms a pipe can have.

use core::fmt;
use core::str::FromStr;

/// How a pipe decides. The number is what stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Algorithm {
    /// Refuses what exceeds the limit within one interval of the timer.
    TailDrop = 1,
    /// Lets every n-th call through, n being the load of the interval before.
    Red = 2,
    /// Follows the CPU load of its machine: kept and listed, never decided here.
    Feedback = 3,
    /// Follows the network load of its machine: kept and listed, never decided here.
    Network = 4,
    /// Refuses what exceeds the limit within a sliding window.
    Sbt = 5,
}

impl Algorithm {
    /// All of them, by number.
    pub const ALL: [Self; 5] =
        [Self::TailDrop, Self::Red, Self::Feedback, Self::Network, Self::Sbt];

    /// The number on the wire.
    #[must_use]
    pub const fn id(self) -> i32 {
        self as i32
    }

    /// The algorithm with this number. 0 is none: on the wire it means the receiver's default.
    #[must_use]
    pub const fn from_id(id: i32) -> Option<Self> {
        // No search: this is asked for every pipe of every packet.
        match id {
            1 => Some(Self::TailDrop),
            2 => Some(Self::Red),
            3 => Some(Self::Feedback),
            4 => Some(Self::Network),
            5 => Some(Self::Sbt),
            _ => None,
        }
    }

    /// The name, as `rl_list` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TailDrop => "TAILDROP",
            Self::Red => "RED",
            Self::Feedback => "FEEDBACK",
            Self::Network => "NETWORK",
            Self::Sbt => "SBT",
        }
    }

    /// A call can be decided from counts alone.
    #[must_use]
    pub const fn decides_locally(self) -> bool {
        matches!(self, Self::TailDrop | Self::Red | Self::Sbt)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// The name in any case, nothing around it.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(text))
            .ok_or(UnknownAlgorithm)
    }
}

/// No algorithm has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an algorithm is one of TAILDROP, RED, FEEDBACK, NETWORK, SBT")
    }
}

impl core::error::Error for UnknownAlgorithm {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_ids_are_the_wire_s() {
        for (id, algorithm) in (1..).zip(Algorithm::ALL) {
            assert_eq!(algorithm.id(), id);
            assert_eq!(Algorithm::from_id(id), Some(algorithm));
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert_eq!(algorithm.name().to_lowercase().parse(), Ok(algorithm));
        }
        assert_eq!("TailDrop".parse(), Ok(Algorithm::TailDrop));
        for wrong in ["", " RED", "RED ", "HISTORY", "1", "TAIL"] {
            assert_eq!(wrong.parse::<Algorithm>(), Err(UnknownAlgorithm), "{wrong:?}");
        }
        for wrong in [i32::MIN, -1, 0, 6, i32::MAX] {
            assert_eq!(Algorithm::from_id(wrong), None, "{wrong}");
        }
    }
}
