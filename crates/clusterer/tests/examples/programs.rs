//! That every example is here, and what `join` and `own_module` do.

use crate::support::{PATIENCE, builder, cluster, eventually, machine, pair, replace, url};
use crate::{dialog_profiles, join, own_module};
use clusterer::{MachineId, MemoryStore, Protocol, Registration};
use std::collections::BTreeMap;
use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Main = fn() -> Result<(), Box<dyn Error>>;

#[test]
fn no_example_is_left_out() {
    let programs: BTreeMap<&str, Main> = [
        ("dialog_profiles", dialog_profiles::main as Main),
        ("join", join::main),
        ("own_module", own_module::main),
    ]
    .into();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found = Vec::new();
    for entry in examples.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() || path.join("main.rs").exists() {
            found.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    assert_eq!(found, programs.into_keys().collect::<Vec<_>>());
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let check = |arguments: &str, expected: &str| {
        let refused = join::arguments::node(arguments.split_whitespace().map(str::to_owned));
        assert!(refused.unwrap_err().to_string().contains(expected), "{arguments:?}");
    };
    check("", "usage");
    check("x", "an id is a whole number");
    check("1 2", "not ID=URL");
    check("1 2=bin:127.0.0.1:1", "MY_ID has no URL");
    check("1 1=udp:127.0.0.1:1", "not bin:");
    check("1 1=bin:somewhere:1", "invalid socket address");
}

#[tokio::test]
async fn a_node_listens_where_its_own_url_says() {
    let arguments = ["1", "1=bin:127.0.0.1:0", "2=bin:127.0.0.1:2"].map(str::to_owned);
    let (cluster, builder) = join::arguments::node(arguments).unwrap();
    // Port 0 is none to dial, so its own row is left out, and it is in no cluster.
    let node = builder.start().await.unwrap();
    assert_eq!(node.local_addresses()[0].ip(), IpAddr::from([127, 0, 0, 1]));
    assert!(node.view().cluster(cluster).is_none());
    node.shutdown().await;
}

#[test]
fn a_module_of_ones_own_takes_at_most_30_lines() {
    let text = include_str!("../../examples/own_module.rs");
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = text.lines().filter(is_code).count();
    assert!((20..=30).contains(&lines), "{lines} lines of code");
}

#[tokio::test]
async fn own_module_says_and_hears_hello() {
    let [one, two] = pair().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = heard.clone();
    let hello = own_module::Hello(move |from: MachineId, text: &[u8]| {
        ears.lock().unwrap().push((from, text.to_vec()));
    });
    let registration =
        Registration::new("hello", cluster(), Duration::from_secs(60)).auth_check(true);
    two.register_module(registration, Arc::new(hello)).await.unwrap();
    for text in ["hello", "", "again"] {
        assert_eq!(own_module::say(&one, cluster(), text).unwrap().queued, 1);
    }
    // A packet without the text it must have ends nothing but itself.
    one.send_to(cluster(), Protocol::Bin, "hello", 0, |packet| _ = packet.int(-1)).unwrap();
    own_module::say(&one, cluster(), "still there").unwrap();
    eventually("all is heard", || heard.lock().unwrap().len() >= 4).await;
    let expected = ["hello", "", "again", "still there"];
    let expected = expected.map(|text| (machine(1), text.as_bytes().to_vec()));
    assert_eq!(*heard.lock().unwrap(), expected);
    one.shutdown().await;
    two.shutdown().await;
}

#[tokio::test]
async fn join_prints_the_nodes_and_what_happens_to_them() {
    let [one, two] = pair().await;
    let (view, events) = one.subscribe();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let paper = lines.clone();
    let watching = tokio::spawn(async move {
        join::watch(&view, events, |line| paper.lock().unwrap().push(line)).await;
    });
    let has = |what: &str| lines.lock().unwrap().iter().any(|line| line.contains(what));
    let first = format!("cluster 1 machine 2: {}, state 1", url(&two));
    eventually("the nodes are printed", || has(&first)).await;
    two.shutdown().await;
    eventually("its end is printed", || has("machine 2: state 2, was 1")).await;
    one.shutdown().await;
    tokio::time::timeout(PATIENCE, watching).await.expect("it ends with the node").unwrap();
    assert_eq!(lines.lock().unwrap().last().unwrap(), "the node has ended");
}

#[tokio::test]
async fn join_prints_the_nodes_again_when_it_has_missed_something() {
    let store = Arc::new(MemoryStore::default());
    let node = builder(1, &store).event_capacity(1).start().await.unwrap();
    let (view, events) = node.subscribe();
    let urls = vec![(machine(1), url(&node)), (machine(2), "bin:127.0.0.1:2".to_owned())];
    replace(&store, urls);
    node.reload().await.unwrap();
    node.shutdown().await;
    let mut lines = Vec::new();
    join::watch(&view, events, |line| lines.push(line)).await;
    assert!(lines[0].ends_with("events were missed: look at the view again"), "{lines:?}");
    assert!(lines[1].starts_with("cluster 1 machine 2: bin:127.0.0.1:2, state "), "{lines:?}");
    assert_eq!(lines[2..], ["the node has ended"]);
}
