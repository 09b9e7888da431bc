//! `clustererctl bin decode`: bytes to JSON.

use super::json::{Hex, Node, PacketJson, Text};
use super::{DialectName, read_all};
use anyhow::{Context as _, anyhow, bail};
use clusterer_bin::{Dialect, FieldTree, FrameError, Framer, Layout, Packet, Step, Value};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const DIALECTS: [Dialect; 2] = [Dialect::V22, Dialect::V24];
const STANDARD_INPUT: &str = "-";
const ZERO_WORD: usize = 4;

/// A bad file does not keep the others from being shown.
pub(super) fn run(files: &[PathBuf], only: Option<Dialect>) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let checked = read(file).and_then(|bytes| {
            let dialect = find_dialect(&bytes, only)?;
            Ok((dialect, bytes))
        });
        match checked {
            Ok((dialect, bytes)) => print(dialect, &bytes, &mut out)?,
            Err(error) => {
                out.flush()?;
                crate::complain(&error.context(name(file)));
                code = ExitCode::FAILURE;
            }
        }
    }
    out.flush()?;
    Ok(code)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new(STANDARD_INPUT) {
        return read_all(io::stdin().lock());
    }
    read_all(File::open(file)?)
}

fn name(file: &Path) -> String {
    if file == Path::new(STANDARD_INPUT) {
        return "standard input".to_owned();
    }
    file.display().to_string()
}

/// The first dialect in which the bytes are packets from begin to end.
///
/// 2.2 is tried first: seen as 2.4, its packets are ones whose capability has no name; seen as 2.2, those
/// of 2.4 have a module name of millions of bytes.
fn find_dialect(bytes: &[u8], only: Option<Dialect>) -> anyhow::Result<Dialect> {
    if bytes.is_empty() {
        bail!("it is empty");
    }
    let mut misfits: Vec<(Dialect, String)> = Vec::new();
    for dialect in DIALECTS.into_iter().filter(|&dialect| only.is_none_or(|only| only == dialect)) {
        match walk(dialect, bytes, |_, _| Ok(())) {
            Ok(()) => return Ok(dialect),
            Err(error) => misfits.push((dialect, format!("{error:#}"))),
        }
    }
    match &misfits[..] {
        [(_, one), (_, other)] if one == other => {
            bail!("not a stream of packets, in either dialect: {one}")
        }
        misfits => {
            let each: Vec<String> =
                misfits.iter().map(|(dialect, why)| format!("as {dialect}: {why}")).collect();
            bail!("not a stream of packets; {}", each.join("; "))
        }
    }
}

pub(super) fn print(dialect: Dialect, bytes: &[u8], out: &mut impl Write) -> anyhow::Result<()> {
    walk(dialect, bytes, |packet, zeros_after| {
        serde_json::to_writer(&mut *out, &shown(packet, zeros_after)?).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        Ok(())
    })
}

/// Shows each packet, and how many zero words follow it.
fn walk<'b>(
    dialect: Dialect,
    bytes: &'b [u8],
    mut each: impl FnMut(&Packet<'b>, usize) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut framer = Framer::new(dialect);
    let mut rest = bytes;
    let mut last: Option<Packet<'b>> = None;
    loop {
        let at = bytes.len() - rest.len();
        let step = framer.next(rest).map_err(|error| lost(at, rest, error))?;
        let (found, consumed, zeros) = match step {
            Step::Packet { bytes, consumed } => (Some(bytes), consumed, consumed - bytes.len()),
            Step::More { consumed, need } => {
                let left = rest.len() - consumed;
                if left > 0 {
                    let at = at + consumed;
                    bail!("at byte {at}: a packet takes at least {need} bytes, {left} are left");
                }
                (None, consumed, consumed)
            }
        };
        if let Some(packet) = last.take() {
            each(&packet, zeros / ZERO_WORD)?;
        }
        let Some(found) = found else { return Ok(()) };
        let packet = Packet::parse(dialect, found)
            .map_err(|error| anyhow!("in the packet at byte {}: {error}", at + zeros))?;
        if packet.module.is_empty() && dialect == Dialect::V24 {
            bail!("in the packet at byte {}: the capability has no name", at + zeros);
        }
        last = Some(packet);
        rest = rest.get(consumed..).unwrap_or_default();
    }
}

fn lost(at: usize, rest: &[u8], error: FrameError) -> anyhow::Error {
    let (words, _) = rest.as_chunks::<ZERO_WORD>();
    let zeros = words.iter().take_while(|&&word| word == [0; ZERO_WORD]).count();
    // A framer that does not skip zeros took the first for the marker.
    let skipped = match error {
        FrameError::TooManyZeros | FrameError::BadMarker([0, 0, 0, 0]) => 0,
        _ => zeros * ZERO_WORD,
    };
    anyhow!("at byte {}: {error}", at + skipped)
}

fn shown(packet: &Packet<'_>, zeros_after: usize) -> anyhow::Result<PacketJson> {
    let dialect = DialectName::of(packet.dialect).context("a dialect that has no name here")?;
    let layout = Layout::of(packet);
    let tree = layout.map(|layout| FieldTree::read(layout, packet));
    let mut json = PacketJson {
        dialect,
        length: Some(u64::try_from(packet.bytes().len())?),
        version: packet.version,
        module: Text(packet.module.to_vec()),
        command: packet.command,
        name: layout.map(|layout| layout.name.to_owned()),
        sender: packet.sender,
        cluster: packet.cluster,
        destination: packet.destination,
        fields: None,
        body: None,
        problem: None,
        left_over: None,
        reserved: (packet.reserved != [0; 4]).then(|| Hex(packet.reserved.to_vec())),
        uncounted: 0,
        zeros_after,
    };
    match tree {
        Some(Ok(tree)) => {
            json.fields = Some(Node(Value::Record(tree.fields)));
            json.left_over = Hex::unless_empty(&tree.left_over);
            json.uncounted = tree.uncounted;
        }
        unread => {
            json.body = Some(Hex(packet.body().rest().to_vec()));
            json.problem = unread.and_then(Result::err).map(|error| error.to_string());
        }
    }
    Ok(json)
}
