//! The commands that every program has beside `which`: `uptime` and `version`.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::calendar::format_utc;
use crate::{MiCommand, MiNode, MiReply, Spec, command};

/// `uptime`: the time now, the time of this call, and the whole seconds between.
///
/// Call it once, when the program starts. Times are shown in UTC (a 2.2 node shows the local time of
/// its host). The seconds are counted by the monotonic clock, so a clock that is set does not change them.
pub fn uptime() -> Arc<dyn MiCommand> {
    let (since, started) = (SystemTime::now(), Instant::now());
    let spec = Spec::new("uptime", &[], "Tells since when the program runs").also("core:uptime");
    command(spec, move |_| async move {
        uptime_reply(SystemTime::now(), since, started.elapsed().as_secs())
    })
}

/// `version`: `NAME (VERSION (ARCH/OS))` of the program that calls this.
pub fn version(name: &str, version: &str) -> Arc<dyn MiCommand> {
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    let server = format!("{name} ({version} ({arch}/{os}))");
    let spec = Spec::new("version", &[], "Tells which program this is").also("core:version");
    command(spec, move |_| {
        let reply = MiReply::ok().with_node(MiNode::new("Server", server.clone()));
        async move { reply }
    })
}

fn uptime_reply(now: SystemTime, since: SystemTime, seconds: u64) -> MiReply {
    MiReply::ok().with_nodes([
        MiNode::new("Now", format_utc(unix_seconds(now))),
        MiNode::new("Up since", format_utc(unix_seconds(since))),
        MiNode::new("Up time", format!("{seconds} [sec]")),
    ])
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Args, block_on, render_text};

    #[test]
    fn uptime_reads_as_the_transcript() {
        let since = UNIX_EPOCH + Duration::from_secs(1_795_337_487);
        let reply = uptime_reply(since + Duration::from_secs(14), since, 14);
        assert_eq!(render_text("uptime", &reply), include_str!("../tests/transcripts/uptime.rep"));
    }

    #[test]
    fn version_names_program_and_platform() {
        let text =
            render_text("version", &block_on(version("clustererd", "0.1.0").run(Args::none())));
        let platform = format!("{}/{}", std::env::consts::ARCH, std::env::consts::OS);
        assert_eq!(text, format!("200 OK\nServer:: clustererd (0.1.0 ({platform}))\n\n"));
    }
}
