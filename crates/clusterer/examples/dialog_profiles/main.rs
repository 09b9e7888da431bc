//! Watches the dialog profiles of the nodes of a cluster: how many dialogs of each profile and value
//! every node reports. The nodes replicate them with `replicate_profiles_to` of their `dialog` module.
//!
//! ```console
//! $ cargo run --example dialog_profiles -- 9 9=bin:192.168.0.9:5566 1=bin:192.168.0.5:5566
//! ```

#![allow(clippy::print_stdout)]

#[path = "../common/arguments.rs"]
mod arguments;
pub(crate) mod profiles;

use clusterer::{Cluster, ClusterId, RegisterModuleError, Registration};
use profiles::{Counts, Profiles};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let (cluster, builder) = arguments::node(std::env::args().skip(1))?;
    let node = builder.start().await?;
    let profiles = watch(&node, cluster, Duration::from_secs(10)).await?;
    let mut shown = Counts::new();
    loop {
        let counts = profiles.counts(node.now());
        if counts != shown {
            lines(&counts).for_each(|line| println!("{line}"));
            println!();
            shown = counts;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Registers for the packets of the `dialog` modules of this cluster's nodes.
pub(crate) async fn watch(
    node: &Cluster,
    cluster: ClusterId,
    timeout: Duration,
) -> Result<Arc<Profiles>, RegisterModuleError> {
    let profiles = Arc::new(Profiles::new(timeout));
    let registration = Registration::new("dialog", cluster, timeout).auth_check(true);
    node.register_module(registration, profiles.clone()).await?;
    Ok(profiles)
}

/// A line a profile: `caller=alice: 3 (machine 1: 1, machine 2: 2)`.
pub(crate) fn lines(counts: &Counts) -> impl Iterator<Item = String> {
    counts.iter().map(|(profile, nodes)| {
        let sum: u64 = nodes.iter().map(|&(_, dialogs)| u64::from(dialogs)).sum();
        let each: Vec<String> = nodes
            .iter()
            .map(|(machine, dialogs)| format!("machine {machine}: {dialogs}"))
            .collect();
        format!("{profile}: {sum} ({})", each.join(", "))
    })
}
