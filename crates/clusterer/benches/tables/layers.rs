//! What each layer keeps of a node.

use crate::memory::{Weight, settle, weigh};
use crate::{Deaf, NOW, parse, up};
use clusterer::{Cluster, ClusterId, MachineId, NodeStore, RawRow, Registration, Row};
use clusterer_core::Input;
use clusterer_node::{Node, SlotTimers, StoredStatus, Table};
use clusterer_probe::{Prober, Settings, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Tells what is allocated for each node, all of them dialled, layer by layer.
pub(crate) fn tell(raw: &[RawRow], store: &Arc<dyn NodeStore>, runtime: &Runtime) {
    let text = |row: &Row| row.url.as_str().len() + row.description.len();
    let strings = Weight { bytes: parse(raw).iter().map(text).sum(), pieces: 0 };
    let (rows, table) = weigh(|| crate::table(parse(raw).into_iter().map(up).collect()));
    let (deadlines, _) =
        weigh(|| [deadlines(&table, SlotTimers::reserve), deadlines(&table, |_, _| ())]);
    let (prober, _) = weigh(|| prober(&table));
    let mut node = crate::core();
    let (core, view) = weigh(|| {
        node.handle(NOW, Input::Loaded(table), &mut Vec::new());
        node.take_view()
    });
    let module = Registration::new("bench", ClusterId::new(1).unwrap(), Duration::from_secs(9));
    let (module, _) = weigh(|| node.register(NOW, module, Arc::new(Deaf)).unwrap());
    drop((view, node));
    let (idle, _) = weigh(|| {
        let mut node = crate::core();
        node.handle(NOW, Input::Loaded(crate::table(parse(raw))), &mut Vec::new());
        (node.take_view(), node)
    });
    let own = MachineId::new(1).unwrap();
    let (engine, running) = weigh(|| {
        let running = runtime.block_on(Cluster::builder(own, store.clone()).start()).unwrap();
        settle();
        running
    });
    runtime.block_on(running.shutdown());
    println!("  a node in memory                       bytes pieces");
    let tell = |what: &str, weight: Weight| {
        let each = |whole: usize| whole as f64 / raw.len() as f64;
        println!("  {what:<34}{:>9.1} {:>6.2}", each(weight.bytes), each(weight.pieces));
    };
    tell("node: strings", strings);
    tell("node: the rest of its row", rows - strings);
    tell("probe: state, link", prober - deadlines);
    tell("probe: deadlines", deadlines);
    tell("core: what views show", core - prober);
    tell("registry: one module", module);
    tell("together, beside the strings", rows - strings + core + module);
    tell("the same of one that is down", idle - strings + module);
    tell("engine: what else, of one down", engine - idle);
}

/// One for each peer: of one kind everybody has one nearly always, of the other it comes and goes.
fn deadlines(table: &Table, reserve: fn(&mut SlotTimers, usize)) -> SlotTimers {
    let slots = table.peers().count();
    let mut timers = SlotTimers::new();
    reserve(&mut timers, slots);
    (0..).take(slots).for_each(|slot| timers.set(slot, NOW.mono));
    timers
}

/// With the nodes of a table, as the core has one.
fn prober(table: &Table) -> Prober {
    let target = |node: &Node| {
        let Row { state, no_tries, last_attempt, .. } = node.row;
        let target = Target {
            node: node.key(),
            address: Some(node.endpoint()),
            bind: None,
            max_failures: node.row.max_failures(),
            duration: node.row.disabled_for(),
        };
        (target, StoredStatus { state, no_tries, last_attempt })
    };
    let mut prober = Prober::new(Settings::default(), 0);
    prober.load(NOW, table.peers().map(target), &mut Vec::new());
    prober
}
