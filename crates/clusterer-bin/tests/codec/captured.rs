//! The captured packets.

use clusterer_bin::{Dialect, FieldTree, Layout, Origin, Outgoing, Packet, PacketWriter};
use std::path::{Path, PathBuf};

/// A packet captured between OpenSIPS nodes, and the listing that was made of it by other means.
pub(crate) struct Captured {
    pub(crate) file: String,
    pub(crate) dialect: Dialect,
    pub(crate) bytes: Vec<u8>,
    pub(crate) listing: String,
}

pub(crate) fn captured() -> Vec<Captured> {
    let mut all = Vec::new();
    for (folder, dialect) in [("2.2", Dialect::V22), ("4.0", Dialect::V24)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packets").join(folder);
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_some_and(|ext| ext == "bin")).collect();
        files.sort();
        all.extend(files.iter().map(|path| Captured {
            file: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            dialect,
            bytes: std::fs::read(path).unwrap(),
            listing: std::fs::read_to_string(path.with_extension("txt")).unwrap(),
        }));
    }
    all
}

/// Writes a packet anew from what was read of it.
pub(crate) fn rewrite(packet: &Packet<'_>, layout: &Layout, tree: &FieldTree) -> Outgoing {
    let origin = Origin { sender: packet.sender, cluster: packet.cluster.unwrap_or(0) };
    let mut writer = PacketWriter::with_version(
        packet.dialect,
        packet.module,
        packet.command,
        packet.version,
        origin,
    );
    writer.reserved(packet.reserved);
    tree.write(layout, &mut writer).unwrap();
    writer.finish(packet.destination.unwrap_or(0)).unwrap()
}
