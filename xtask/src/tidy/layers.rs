//! Who may depend on whom. The one place where the layering is written down for a machine;
//! ARCHITECTURE.md tells people why.

use std::collections::BTreeSet;

use super::{
    Finding, Rule,
    workspace::{Dependency, Kind, Package, Workspace},
};

/// The crates from the bottom up. A crate that is not here has no place yet: give it one.
const LAYERS: &[Layer] = &[
    pure("clusterer-node", &[]),
    pure("clusterer-bin", &[]),
    pure("clusterer-probe", &["clusterer-node"]),
    pure("clusterer-registry", &["clusterer-node", "clusterer-bin"]),
    pure(
        "clusterer-core",
        &["clusterer-node", "clusterer-bin", "clusterer-probe", "clusterer-registry"],
    ),
    library("clusterer-db", &["clusterer-node"]),
    library("clusterer-net", &["clusterer-node", "clusterer-bin"]),
    library("clusterer-mi", &[]),
    library(
        "clusterer",
        &[
            "clusterer-node",
            "clusterer-bin",
            "clusterer-core",
            "clusterer-net",
            "clusterer-registry",
        ],
    )
    .optionally(&["clusterer-mi"]),
    library("clusterer-ratelimit", &["clusterer-node", "clusterer-bin", "clusterer-registry"])
        .optionally(&["clusterer", "clusterer-mi"]),
    library("clusterer-status", &["clusterer"]),
    program(
        "clustererd",
        &[
            "clusterer-node",
            "clusterer-bin",
            "clusterer-probe",
            "clusterer-registry",
            "clusterer-core",
            "clusterer-db",
            "clusterer-net",
            "clusterer-mi",
            "clusterer",
            "clusterer-ratelimit",
            "clusterer-status",
        ],
    ),
    library(
        "clusterer-sim",
        &[
            "clusterer-node",
            "clusterer-bin",
            "clusterer-probe",
            "clusterer-registry",
            "clusterer-core",
        ],
    ),
    program("clustererctl", &["clusterer-node", "clusterer-bin", "clusterer-db", "clusterer-mi"]),
];

/// Third-party crates that have one home, so that what they bring stays behind one door.
const HOMES: &[Home] = &[
    Home { crates: &["mio", "socket2"], within: &["clusterer-net"] },
    Home {
        crates: &["deadpool-postgres", "mysql_async", "rusqlite", "tokio-postgres"],
        within: &["clusterer-db"],
    },
    Home { crates: &["axum", "httparse", "hyper", "hyper-util"], within: &["clusterer-mi"] },
    Home { crates: &["listenfd"], within: &["clustererd"] },
    Home {
        crates: &["metrics-exporter-prometheus", "tracing-subscriber"],
        within: &["clustererd", "clustererctl"],
    },
];

/// What a pure crate may use from elsewhere: crates that hold no clock, socket or thread.
const PURE_MAY_USE: &[Home] = &[
    Home {
        crates: &["bytes"],
        within: &[
            "clusterer-node",
            "clusterer-bin",
            "clusterer-probe",
            "clusterer-registry",
            "clusterer-core",
        ],
    },
    Home { crates: &["hashbrown"], within: &["clusterer-node"] },
    Home { crates: &["once_cell"], within: &["clusterer-registry"] },
];

/// The place of one crate.
#[derive(Clone, Copy)]
pub(super) struct Layer {
    name: &'static str,
    nature: Nature,
    may_use: &'static [&'static str],
    /// Only behind a feature: the crate must build without them.
    may_use_optionally: &'static [&'static str],
}

/// What a crate may do at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// `no_std` and sans-IO: time, bytes and randomness are handed in.
    Pure,
    /// May talk to the system, never to the terminal.
    Library,
    /// Owns its process.
    Program,
}

struct Home {
    crates: &'static [&'static str],
    within: &'static [&'static str],
}

const fn pure(name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { name, nature: Nature::Pure, may_use, may_use_optionally: &[] }
}

const fn library(name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { name, nature: Nature::Library, may_use, may_use_optionally: &[] }
}

const fn program(name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { name, nature: Nature::Program, may_use, may_use_optionally: &[] }
}

impl Layer {
    const fn optionally(self, may_use_optionally: &'static [&'static str]) -> Layer {
        Layer { may_use_optionally, ..self }
    }
}

/// What the table says about a crate, if it says anything.
pub(super) fn nature(package: &Package) -> Option<Nature> {
    layer(package).map(|layer| layer.nature)
}

fn layer(package: &Package) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.name == package.name)
}

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.crates() {
        let Some(layer) = layer(package) else {
            let message = format!("`{}` has no rule in xtask/src/tidy/layers.rs", package.name);
            findings.push(Finding::new(&package.manifest(), 1, Rule::Layer, message));
            continue;
        };
        for dependency in &package.dependencies {
            let broken = match (dependency.kind, workspace.package(&dependency.name)) {
                (Kind::Dev, Some(other)) => dev_cycle(workspace, package, other),
                // A test may use what it likes: it is not in what people build.
                (Kind::Dev, None) => None,
                (_, Some(_)) => edge(layer, dependency),
                (_, None) => third_party(layer, &dependency.name),
            };
            if let Some((rule, message)) = broken {
                let path = package.manifest();
                let manifest = workspace.file(&path);
                let line = manifest.map_or(1, |file| file.line_beginning_with(&dependency.name));
                findings.push(Finding::new(&path, line, rule, message));
            }
        }
    }
    findings
}

fn edge(layer: &Layer, dependency: &Dependency) -> Option<(Rule, String)> {
    let Layer { name, .. } = layer;
    let used = dependency.name.as_str();
    if layer.may_use.contains(&used) {
        return None;
    }
    if !layer.may_use_optionally.contains(&used) {
        return Some((Rule::Layer, format!("`{name}` may not depend on `{used}`")));
    }
    let message = || format!("`{name}` may depend on `{used}` only as an optional dependency");
    (!dependency.optional).then(|| (Rule::Layer, message()))
}

fn third_party(layer: &Layer, used: &str) -> Option<(Rule, String)> {
    let Layer { name, .. } = layer;
    if layer.nature == Nature::Pure && !lives_in(PURE_MAY_USE, used, name) {
        return Some((Rule::ThirdParty, format!("`{name}` is pure and may not use `{used}`")));
    }
    let home = HOMES.iter().find(|home| home.crates.contains(&used))?;
    let message = || format!("`{used}` belongs in {} alone", home.within.join(", "));
    (!home.within.contains(name)).then(|| (Rule::ThirdParty, message()))
}

fn lives_in(homes: &[Home], used: &str, name: &str) -> bool {
    homes.iter().any(|home| home.crates.contains(&used) && home.within.contains(&name))
}

/// A test may reach sideways and down. Reaching up makes a cycle, and so do two tests that reach for
/// each other's crate: neither crate can be published first.
fn dev_cycle(workspace: &Workspace, package: &Package, used: &Package) -> Option<(Rule, String)> {
    let mut below = BTreeSet::new();
    let mut open = vec![used];
    while let Some(next) = open.pop() {
        if below.insert(next.name.as_str()) {
            open.extend(next.dependencies.iter().filter_map(|it| workspace.package(&it.name)));
        }
    }
    let (name, used) = (&package.name, &used.name);
    let message = || format!("`{used}` depends on `{name}`: move the test up, or to tests/");
    below.contains(name.as_str()).then(|| (Rule::DevCycle, message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings about one crate with these dependencies, in a workspace with all the others.
    fn check_edges(name: &str, kind: Kind, used: &[&str]) -> Vec<Rule> {
        let mut workspace = full_workspace();
        let package = workspace.packages.iter_mut().find(|it| it.name == name).unwrap();
        package.uses(kind, used);
        check(&workspace).into_iter().map(|finding| finding.rule).collect()
    }

    fn full_workspace() -> Workspace {
        let mut workspace = Workspace::default();
        for layer in LAYERS {
            workspace.add_crate(layer.name).uses(Kind::Normal, layer.may_use);
        }
        workspace
    }

    #[test]
    fn the_edges_of_the_table_pass() {
        assert_eq!(check(&full_workspace()), []);
    }

    #[test]
    fn forbidden_edges_fail() {
        for (name, used) in [
            ("clusterer-node", "clusterer-bin"),
            ("clusterer-bin", "clusterer-node"),
            ("clusterer-probe", "clusterer-bin"),
            ("clusterer-registry", "clusterer-probe"),
            ("clusterer-core", "clusterer-net"),
            ("clusterer-core", "clusterer-db"),
            ("clusterer-db", "clusterer-core"),
            ("clusterer-net", "clusterer-core"),
            ("clusterer-mi", "clusterer-node"),
            ("clusterer", "clusterer-db"),
            ("clusterer", "clustererd"),
            ("clusterer-ratelimit", "clusterer-net"),
            ("clusterer-status", "clusterer-mi"),
            ("clusterer-status", "clusterer-ratelimit"),
            ("clustererctl", "clusterer"),
            ("clustererctl", "clustererd"),
            ("clustererd", "clustererctl"),
        ] {
            assert_eq!(check_edges(name, Kind::Normal, &[used]), [Rule::Layer], "{name} -> {used}");
            assert_eq!(check_edges(name, Kind::Build, &[used]), [Rule::Layer], "{name} -> {used}");
        }
    }

    #[test]
    fn every_edge_that_goes_up_or_sideways_is_outside_the_table() {
        for (place, layer) in LAYERS.iter().enumerate() {
            for used in layer.may_use.iter().chain(layer.may_use_optionally) {
                let below = LAYERS[..place].iter().any(|lower| lower.name == *used);
                assert!(below, "{} -> {used}", layer.name);
            }
        }
    }

    #[test]
    fn an_edge_behind_a_feature_must_be_optional() {
        for (name, used) in [
            ("clusterer", "clusterer-mi"),
            ("clusterer-ratelimit", "clusterer"),
            ("clusterer-ratelimit", "clusterer-mi"),
        ] {
            assert_eq!(check_edges(name, Kind::Normal, &[used]), [Rule::Layer], "{name} -> {used}");
            let mut workspace = full_workspace();
            let package = workspace.packages.iter_mut().find(|it| it.name == name).unwrap();
            package.uses(Kind::Normal, &[used]);
            package.dependencies.last_mut().unwrap().optional = true;
            assert_eq!(check(&workspace), [], "{name} -> {used}");
        }
    }

    #[test]
    fn a_third_party_crate_stays_at_home() {
        for (used, home, elsewhere) in [
            ("mio", "clusterer-net", "clusterer"),
            ("socket2", "clusterer-net", "clustererd"),
            ("rusqlite", "clusterer-db", "clustererctl"),
            ("tokio-postgres", "clusterer-db", "clusterer"),
            ("deadpool-postgres", "clusterer-db", "clustererd"),
            ("mysql_async", "clusterer-db", "clustererd"),
            ("hyper", "clusterer-mi", "clustererctl"),
            ("hyper-util", "clusterer-mi", "clustererd"),
            ("axum", "clusterer-mi", "clustererd"),
            ("tracing-subscriber", "clustererd", "clusterer"),
            ("metrics-exporter-prometheus", "clustererd", "clusterer-mi"),
        ] {
            assert_eq!(check_edges(home, Kind::Normal, &[used]), [], "{used}");
            assert_eq!(check_edges(elsewhere, Kind::Normal, &[used]), [Rule::ThirdParty], "{used}");
            assert_eq!(check_edges(elsewhere, Kind::Dev, &[used]), [], "{used} in tests");
        }
    }

    #[test]
    fn a_pure_crate_uses_next_to_nothing() {
        assert_eq!(check_edges("clusterer-bin", Kind::Normal, &["bytes"]), []);
        assert_eq!(check_edges("clusterer-node", Kind::Normal, &["hashbrown"]), []);
        assert_eq!(check_edges("clusterer-core", Kind::Dev, &["proptest"]), []);
        for (name, used) in [
            ("clusterer-core", "hashbrown"),
            ("clusterer-core", "once_cell"),
            ("clusterer-node", "serde"),
            ("clusterer-core", "tokio"),
            ("clusterer-probe", "rand"),
        ] {
            let found = check_edges(name, Kind::Normal, &[used]);
            assert_eq!(found, [Rule::ThirdParty], "{name} -> {used}");
        }
    }

    #[test]
    fn a_test_may_reach_down_and_sideways_but_not_up() {
        assert_eq!(check_edges("clusterer", Kind::Dev, &["clusterer-db"]), []);
        assert_eq!(check_edges("clusterer-net", Kind::Dev, &["clusterer-mi"]), []);
        for (name, used) in [
            ("clusterer-node", "clusterer-probe"),
            ("clusterer-node", "clustererd"),
            ("clusterer-net", "clusterer"),
        ] {
            let found = check_edges(name, Kind::Dev, &[used]);
            assert_eq!(found, [Rule::DevCycle], "{name} -> {used}");
        }
    }

    #[test]
    fn two_tests_may_not_reach_for_each_other() {
        let mut workspace = full_workspace();
        for (name, used) in [("clusterer-net", "clusterer-mi"), ("clusterer-mi", "clusterer-net")] {
            let package = workspace.packages.iter_mut().find(|it| it.name == name).unwrap();
            package.uses(Kind::Dev, &[used]);
        }
        let rules = check(&workspace).into_iter().map(|finding| finding.rule);
        assert_eq!(rules.collect::<Vec<_>>(), [Rule::DevCycle, Rule::DevCycle]);
    }

    #[test]
    fn a_crate_without_a_rule_fails() {
        let workspace = Workspace::with_crate("clusterer-surprise");
        let findings = check(&workspace);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("no rule"), "{}", findings[0]);
    }

    #[test]
    fn a_finding_points_at_the_line_of_the_dependency() {
        let mut workspace = full_workspace();
        let manifest = "[dependencies]\nmio-more = \"1\"\nmio.workspace = true\n";
        workspace.write("crates/clusterer-bin/Cargo.toml", manifest);
        workspace.packages[1].uses(Kind::Normal, &["mio"]);
        assert_eq!(check(&workspace)[0].line, 3);
    }
}
