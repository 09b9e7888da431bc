//! A test tool that writes a packet and finds it again in a stream.

use clusterer_bin::{Dialect, Framer, Origin, Packet, PacketWriter, Step};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let origin = Origin { sender: 1, cluster: 1 };
    let mut writer = PacketWriter::new(Dialect::V22, "ratelimit", 0, origin);
    writer.str(b"calls").int(1).int(100).int(20);
    let stream = writer.finish(2)?.to_vec();

    if let Step::Packet { bytes, .. } = Framer::new(Dialect::V22).next(&stream)? {
        let packet = Packet::parse(Dialect::V22, bytes)?;
        let pipe = String::from_utf8_lossy(packet.body().str()?).into_owned();
        println!("node {} replicates the pipe {pipe}", packet.sender);
    }
    Ok(())
}
