//! `clustererctl bin encode`: JSON to bytes.

use super::json::{Hex, Node, PacketJson};
use super::read_all;
use anyhow::{Context, anyhow, bail, ensure};
use clusterer_bin::{Dialect, FieldTree, Layout, MAX_ZERO_WORDS, Origin, PacketWriter, Value};
use std::io::{self, Write};
use std::process::ExitCode;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let text = read_all(io::stdin().lock()).context("standard input")?;
    let bytes = encode(&text).context("standard input")?;
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The bytes of all packets that the text tells of.
pub(super) fn encode(text: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let packets = serde_json::Deserializer::from_slice(text).into_iter::<PacketJson>();
    for (position, json) in packets.enumerate() {
        let number = position + 1;
        let json = json.with_context(|| format!("object {number}"))?;
        write(json, &mut bytes).with_context(|| format!("object {number}"))?;
    }
    Ok(bytes)
}

fn write(json: PacketJson, bytes: &mut Vec<u8>) -> anyhow::Result<()> {
    let dialect = Dialect::from(json.dialect);
    let (cluster, destination) = addressed(dialect, &json)?;
    let origin = Origin { sender: json.sender, cluster };
    let module = &json.module.0;
    let mut writer =
        PacketWriter::with_version(dialect, module, json.command, json.version, origin);
    if dialect == Dialect::V22 {
        if let Some(Hex(reserved)) = json.reserved {
            let reserved = reserved.try_into();
            writer.reserved(reserved.map_err(|_| anyhow!("reserved: four bytes are expected"))?);
        }
    } else {
        ensure!(!module.is_empty(), "module: a {dialect} capability must have a name");
        ensure!(json.reserved.is_none(), "reserved: a {dialect} header has no such bytes");
        ensure!(json.uncounted == 0, "uncounted: in a {dialect} packet all strings are counted");
        ensure!(json.zeros_after == 0, "zeros_after: nothing may stand between {dialect} packets");
    }
    match (json.fields, json.body) {
        (Some(_), Some(_)) => bail!("it has fields and body: only one of them can be written"),
        (None, None) => bail!("it has neither fields nor body"),
        (Some(Node(fields)), None) => {
            let Value::Record(fields) = fields else { bail!("fields: must be an object") };
            let layout = Layout::find(dialect, module, json.command)
                .filter(|layout| layout.version == json.version)
                .with_context(|| {
                    let module = module.escape_ascii();
                    let (command, version) = (json.command, json.version);
                    format!(
                        "the fields of a {dialect} packet of module {module}, command {command}, \
                         version {version} are not known: give its body in hex"
                    )
                })?;
            let left_over = json.left_over.map(|Hex(bytes)| bytes).unwrap_or_default();
            let tree = FieldTree { fields, left_over, uncounted: json.uncounted };
            tree.write(layout, &mut writer).context("fields")?;
        }
        (None, Some(Hex(body))) => {
            ensure!(json.left_over.is_none(), "left_over: there are no fields to be behind");
            ensure!(json.uncounted == 0, "uncounted: there are no fields to leave out");
            writer.raw(&body);
        }
    }
    bytes.extend(writer.finish(destination)?.to_vec());
    ensure!(
        json.zeros_after <= usize::from(MAX_ZERO_WORDS),
        "zeros_after: more than {MAX_ZERO_WORDS} zero words end a stream"
    );
    bytes.resize(bytes.len() + 4 * json.zeros_after, 0);
    Ok(())
}

/// Cluster and destination, which must be there just where the packet has them.
fn addressed(dialect: Dialect, json: &PacketJson) -> anyhow::Result<(i32, i32)> {
    let only_if = |name: &str, has: bool, given: Option<i32>| match (has, given) {
        (true, Some(id)) => Ok(id),
        (false, None) => Ok(0),
        (true, None) => Err(anyhow!("{name}: it is missing")),
        (false, Some(_)) => Err(anyhow!("{name}: this {dialect} packet has none")),
    };
    let has_cluster = dialect != Dialect::V22;
    let has_destination = dialect.has_trailer(&json.module.0);
    Ok((
        only_if("cluster", has_cluster, json.cluster)?,
        only_if("destination", has_destination, json.destination)?,
    ))
}
