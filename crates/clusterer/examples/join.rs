//! Joins a cluster, prints what happens in it, and leaves it when its input ends. In two terminals:
//!
//! ```console
//! $ cargo run --example join -- 1 1=bin:127.0.0.1:5566 2=bin:127.0.0.1:5567
//! $ cargo run --example join -- 2 1=bin:127.0.0.1:5566 2=bin:127.0.0.1:5567
//! ```

#![allow(clippy::print_stdout)]

#[path = "common/arguments.rs"]
pub(crate) mod arguments;

use clusterer::{Subscription, View};
use std::error::Error;
use std::io;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let (_, builder) = arguments::node(std::env::args().skip(1))?;
    let node = builder.start().await?;
    let (view, events) = node.subscribe();
    let input_ends = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    let leave = async {
        let ended = input_ends.await;
        node.shutdown().await;
        ended
    };
    let ((), ended) = tokio::join!(watch(&view, events, |line| println!("{line}")), leave);
    ended??;
    Ok(())
}

/// Tells the nodes of the view, then every event until the node ends.
pub(crate) async fn watch(view: &View, mut events: Subscription, mut tell: impl FnMut(String)) {
    tell_all(view, &mut tell);
    while let Some(next) = events.next().await {
        match next {
            Ok(event) => tell(event.to_string()),
            // What was missed is in this view.
            Err(lagged) => {
                tell(lagged.to_string());
                tell_all(&lagged.view, &mut tell);
            }
        }
    }
    tell("the node has ended".to_owned());
}

fn tell_all(view: &View, tell: &mut impl FnMut(String)) {
    for node in view.nodes() {
        tell(format!("{}: {}, state {}", node.node.key(), node.node.row.url, node.state()));
    }
}
