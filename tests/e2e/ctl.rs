//! `clustererctl` and a real daemon, over each carrier.

use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Lab, free_address};
use std::fs;

const TOKEN: &str = "correct-horse-battery-staple";

#[test]
fn every_carrier_runs_the_same_commands() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let (http, udp) = (free_address()?, free_address()?);
    let (socket, token) = (lab.path().join("mi.sock"), lab.path().join("token"));
    fs::write(&token, TOKEN)?;
    let (socket, token) = (socket.display(), token.display());
    let one = format!(
        "\n[mi.datagram]\nsocket_name = \"{socket}\"\n\
         [mi.http]\nlisten = \"{http}\"\ntoken_file = \"{token}\"\n"
    );
    let two = format!("\n[mi.datagram]\nsocket_name = \"udp:{udp}\"\n");
    let _one = lab.start(1, &lab.config(1, at[0], &one))?;
    let _two = lab.start(2, &lab.config(2, at[1], &two))?;
    let (fifo, replies) = (lab.fifo(1), lab.reply_dir());
    let (fifo, replies) = (format!("fifo:{}", fifo.display()), replies.display().to_string());
    let (unix, token) = (format!("unix:{socket}"), token.to_string());
    let daemons: [&[&str]; 4] = [
        &["--mi", &fifo, "--reply-dir", &replies],
        &["--mi", &unix, "--reply-dir", &replies],
        &["--mi", &format!("http://{http}"), "--token-file", &token],
        &["--mi", &format!("udp:{udp}"), "--reply-dir", &replies],
    ];
    for daemon in daemons {
        let list = lab.ctl_ok(&[daemon, &["clusterer_list"]].concat())?;
        ensure!(list.starts_with("cluster 1\n  node  url"), "{daemon:?}: {list}");
        let json = lab.ctl_ok(&[daemon, &["clusterer:list", "--json"]].concat())?;
        ensure!(json.starts_with(r#"{"Clusters":[{"cluster_id":1,"Nodes":[{"node_id":"#), "{json}");
        let by_name = ["clusterer_set_status", "status=0", "cluster_id=1", "node_id=99"];
        let refused = lab.ctl(&[daemon, &by_name].concat())?;
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(refused.status.code() == Some(1), "{daemon:?}: {refused:?}");
        ensure!(why == "404 Node id not found\n", "{daemon:?}: {why}");
    }
    let wrong = lab.ctl(&["--mi", &format!("http://{http}"), "clusterer_reload"])?;
    let why = String::from_utf8_lossy(&wrong.stderr).into_owned();
    ensure!(wrong.status.code() == Some(1) && why.contains("--token-file"), "{why}");
    let text = lab.ctl_ok(&[daemons[0], &["--text", "clusterer_list"]].concat())?;
    ensure!(text.starts_with("Cluster:: 1\n\tServer:: 2 DB_ID="), "{text}");
    let left = fs::read_dir(lab.reply_dir()).context("the reply directory is gone")?.count();
    ensure!(left == 0, "{left} replies are left");
    Ok(())
}
