//! What a 2.2 node was seen to answer, byte for byte. Figures and command sets are the stubs'.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use clusterer_mi::{ArgError, Args, MiCommand, MiNode, MiReply, Spec, command};

use crate::support::{Bench, Ran};

#[test]
fn every_transcript() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut seen = 0;
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "req") {
            continue;
        }
        let case = path.file_stem().unwrap().to_str().unwrap();
        let request = fs::read_to_string(&path).unwrap();
        let reply = fs::read_to_string(path.with_extension("rep")).unwrap();
        check(case, &request, &reply);
        seen += 1;
    }
    assert_eq!(seen, 22, "transcripts were added or lost");
}

fn check(case: &str, request: &str, expected: &str) {
    let ran = Ran::default();
    let bench = Bench::with(|_| {}, &commands(case, &ran, expected));
    match case {
        // The reply name is refused, so the command must not run.
        "edge_dot_reply" => {
            let refused = bench.reply();
            bench.write(&request.replace("REPLYFIFO", &refused.name));
            bench.call("echo", &[]);
            assert!(refused.is_silent());
            assert!(ran.lock().unwrap().is_empty());
        }
        // A 2.2 node ignores it; the manual shows it as the way to call the command.
        "edge_no_reply_name" => {
            bench.write(request);
            bench.call_until_served();
            assert_eq!(*ran.lock().unwrap(), ["set 1 2 1 bin"]);
        }
        // Command sets aside: the table's own come last here, and the bench's own first.
        "which" => {
            let reply = bench.exchange(request);
            let listed: Vec<&str> = reply.lines().skip(7).collect();
            let own = |name: &&str| ["help", "which", ""].contains(name);
            let mut other: Vec<&str> = expected.lines().skip(1).filter(|name| !own(name)).collect();
            other.extend(["help", "which", ""]);
            assert_eq!(listed, other);
            assert!(reply.starts_with("200 OK\nnote\n") && reply.ends_with("\nwhich\n\n"));
        }
        _ => assert_eq!(bench.exchange(request), expected, "{case}"),
    }
    match case {
        "set_ok_state0" => assert_eq!(*ran.lock().unwrap(), ["set 1 2 0 bin"]),
        "set_named" | "edge_spaces_params" => {
            assert_eq!(*ran.lock().unwrap(), ["set 1 2 1 bin"], "{case}");
        }
        _ => {}
    }
}

fn commands(case: &str, ran: &Ran, reply: &str) -> Vec<Arc<dyn MiCommand>> {
    if case == "which" {
        let names = reply.lines().skip(1).filter(|name| !["", "help", "which"].contains(name));
        return names.map(|name| fixed(name.to_owned().leak(), MiReply::ok())).collect();
    }
    let noted = Arc::clone(ran);
    let listed = list(case);
    let clusters = command(Spec::new("clusterer_list", &[], ""), move |_| {
        noted.lock().unwrap().push("list".into());
        let reply = listed.clone();
        async { reply }
    });
    let noted = Arc::clone(ran);
    let set = command(Spec::new("clusterer_set_status", &[], ""), move |args| {
        let reply = set_status(&args, &noted).unwrap_or_else(MiReply::from);
        async { reply }
    });
    let reload = match case {
        "reload_version2" => MiReply::error(500, "Failed to reload"),
        _ => MiReply::ok(),
    };
    let pipes = MiReply::ok().with_nodes([
        MiNode::new("PIPE", "")
            .with_attribute("id", "inv_fwd1")
            .with_attribute("algorithm", "TAILDROP")
            .with_attribute("limit", 100)
            .with_attribute("counter", 0),
        MiNode::new("PIPE", "").with_attribute("drop_rate", 42),
    ]);
    let uptime = MiReply::ok().with_nodes([
        MiNode::new("Now", "Sun Nov 22 08:51:41 2026"),
        MiNode::new("Up since", "Sun Nov 22 08:51:27 2026"),
        MiNode::new("Up time", "14 [sec]"),
    ]);
    vec![
        clusters,
        set,
        fixed("clusterer_reload", reload),
        fixed("rl_list", pipes),
        fixed("uptime", uptime),
    ]
}

fn fixed(name: &'static str, reply: MiReply) -> Arc<dyn MiCommand> {
    command(Spec::new(name, &[], ""), move |_| {
        let reply = reply.clone();
        async { reply }
    })
}

/// The rules of the command, without a cluster behind it.
fn set_status(args: &Args, ran: &Ran) -> Result<MiReply, ArgError> {
    if args.len() < 3 {
        return Err(ArgError::Count);
    }
    let (cluster, machine) = (args.id(0)?, args.id(1)?);
    let status = args.number(2, 0..=1)?;
    let protocol = args.get(3).ok_or(ArgError::Bad(3))?;
    ran.lock().unwrap().push(format!("set {cluster} {machine} {status} {protocol}"));
    if machine == 99 {
        return Ok(MiReply::SilentError { code: 404, reason: "Unknown machine".into() });
    }
    Ok(MiReply::ok())
}

fn list(case: &str) -> MiReply {
    let cluster = |id, servers: Vec<MiNode>| {
        servers.into_iter().fold(MiNode::new("Cluster", id), MiNode::with_child)
    };
    let b = |state| server(2, 2, "bin:127.0.0.2:5566", state, [0, 3, 0, 30], "node B");
    let reply = MiReply::ok();
    match case {
        "list" => reply.with_node(cluster(1, vec![b(1)])),
        "list_state0" | "list_with_arg" => reply.with_node(cluster(1, vec![b(0)])),
        "list_many" => reply.with_nodes([
            cluster(
                2,
                vec![
                    server(9, 10, "bin:127.0.0.9:5566", 1, [0, 3, 0, 30], "none"),
                    server(6, 7, "BIN:localhost:5566", 1, [0, 3, 0, 30], "host name"),
                ],
            ),
            cluster(
                1,
                vec![
                    server(8, 9, "udp:127.0.0.8:5060", 1, [0, 3, 0, 30], "udp"),
                    server(4, 4, "127.0.0.4:5599", 1, [0, 3, 0, 30], "no proto"),
                    server(5, 5, "bin:127.0.0.5", 1, [0, 3, 0, 30], "no port"),
                    server(3, 3, "bin:127.0.0.3:5566", 1, [0, 3, 0, 30], "three"),
                    server(2, 2, "bin:127.0.0.2:5566", 1, [27_565_142_136, 9, 1, 7], "node B"),
                ],
            ),
        ]),
        _ => reply,
    }
}

fn server(id: i64, db: i64, url: &str, state: i64, figures: [i64; 4], description: &str) -> MiNode {
    let [last, max, tries, seconds] = figures;
    MiNode::new("Server", id)
        .with_attribute("DB_ID", db)
        .with_attribute("URL", url)
        .with_attribute("State", state)
        .with_attribute("Last_failed_attempt", last)
        .with_attribute("Max_failed_attempts", max)
        .with_attribute("no_tries", tries)
        .with_attribute("Seconds_until_enabling", seconds)
        .with_attribute("Description", description)
}
