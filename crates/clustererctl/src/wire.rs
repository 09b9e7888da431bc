//! `clustererctl bin`: packets of the BIN protocol as JSON, and back.
//!
//! The module is not called `bin` because cargo takes `src/bin/` for further programs.

mod decode;
mod encode;
mod json;

use anyhow::bail;
use clap::{Subcommand, ValueEnum};
use clusterer_bin::Dialect;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

/// The most that is read from a file or from standard input: a thousand packets of the greatest
/// length.
const INPUT_LIMIT: u64 = 64 << 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print packets as JSON, one object a line
    ///
    /// Each file holds one packet or a stream of them, up to 64 MiB, all of one dialect. The dialect is
    /// found by itself. Of a file that is not packets from begin to end nothing is printed.
    Decode {
        /// Where the packets are; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Try this dialect only
        #[arg(long)]
        dialect: Option<DialectName>,
    },
    /// Write the packets that JSON objects on standard input tell of
    ///
    /// Reads what decode prints, one object a line or laid out in any other way, up to 64 MiB.
    /// Lengths, counts and sizes are computed. If any object is wrong, nothing is written.
    Encode,
}

/// How the dialects are called in arguments and in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
enum DialectName {
    /// OpenSIPS 2.2
    #[value(name = "2.2")]
    #[serde(rename = "2.2")]
    V22,
    /// OpenSIPS 2.4 to 4.x
    #[value(name = "2.4")]
    #[serde(rename = "2.4")]
    V24,
}

impl DialectName {
    const fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::V22 => Some(Self::V22),
            Dialect::V24 => Some(Self::V24),
            _ => None,
        }
    }
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::V22 => Self::V22,
            DialectName::V24 => Self::V24,
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Decode { files, dialect } => decode::run(files, dialect.map(Dialect::from)),
        Command::Encode => encode::run(),
    }
}

/// All bytes of an input that must have an end.
fn read_all(input: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(INPUT_LIMIT + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > INPUT_LIMIT) {
        bail!("more than {} MiB: give it in parts", INPUT_LIMIT >> 20);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use clusterer_bin::{Dialect, Layout, Origin, PacketWriter};
    use proptest::prelude::*;

    fn identity(dialect: Dialect, bytes: &[u8]) {
        let mut json = Vec::new();
        decode::print(dialect, bytes, &mut json).unwrap();
        let written = encode::encode(&json).unwrap();
        assert_eq!(written, bytes, "{}", String::from_utf8_lossy(&json));
    }

    proptest! {
        /// Any body in packets of any known kind, or of one that is not known, comes back.
        #[test]
        fn decode_and_encode_are_inverse(
            words in prop::collection::vec(
                prop_oneof![
                    (-2..6_i32).prop_map(|int| int.to_le_bytes().to_vec()),
                    (0..4_u16).prop_map(|length| length.to_le_bytes().to_vec()),
                    Just(101_010_101_i32.to_le_bytes().to_vec()),
                    Just(b"\x0f\0dialog-dlg-repl\x04\0\0\0".to_vec()),
                    prop::collection::vec(any::<u8>(), 0..6),
                ],
                0..30,
            ),
            (sender, cluster, destination) in any::<(i32, i32, i32)>(),
            reserved in any::<[u8; 4]>(),
            zeros in 0..=32_usize,
            unknown in prop::collection::vec(any::<u8>(), 1..10),
        ) {
            let known = Layout::all().iter().map(|layout| {
                (layout.dialect, layout.module.as_bytes(), layout.command, layout.version)
            });
            let unknown =
                [Dialect::V22, Dialect::V24].map(|dialect| (dialect, &unknown[..], -1, -1));
            for (dialect, module, command, version) in known.chain(unknown) {
                let origin = Origin { sender, cluster };
                let mut writer =
                    PacketWriter::with_version(dialect, module, command, version, origin);
                writer.reserved(reserved).raw(&words.concat());
                let mut stream = writer.finish(destination).unwrap().to_vec();
                identity(dialect, &stream);
                let packet = stream.clone();
                if dialect == Dialect::V22 {
                    stream.resize(stream.len() + 4 * zeros, 0);
                }
                stream.extend(packet);
                identity(dialect, &stream);
            }
        }
    }
}
