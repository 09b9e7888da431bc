//! The answer of `clusterer_list`, of our daemon or of an OpenSIPS 4.0: a table a cluster.

use crate::grid::{Field, Grid};
use crate::screen::{Paint, Tone};
use clusterer_mi::{MiData, format_utc};

/// A column: its heading, and what a node has in it.
type Column = (&'static str, fn(&MiData) -> Option<Field>);

const COLUMNS: [Column; 6] = [
    ("node", |node| Some(Field::number(&node.get("node_id")?.to_string()))),
    ("url", |node| text(node, "url").map(Field::text)),
    ("state", |node| Some(state(node))),
    ("tries", tries),
    ("last failure (UTC)", last_failure),
    ("description", |node| text(node, "description").map(Field::text)),
];

/// The tables, if this is such an answer.
pub(super) fn render(data: &MiData, paint: Paint) -> Option<String> {
    let MiData::Object(members) = data else { return None };
    let [(name, MiData::List(clusters))] = members.as_slice() else { return None };
    if name != "Clusters" {
        return None;
    }
    let tables: Option<Vec<String>> = clusters.iter().map(|it| cluster(it, paint)).collect();
    let tables = tables?;
    Some(if tables.is_empty() { "no clusters\n".to_owned() } else { tables.join("\n") })
}

fn cluster(cluster: &MiData, paint: Paint) -> Option<String> {
    let (Some(MiData::Int(id)), Some(MiData::List(nodes))) =
        (cluster.get("cluster_id"), cluster.get("Nodes"))
    else {
        return None;
    };
    if !nodes.iter().all(|node| node.get("node_id").is_some() && node.get("link_state").is_some()) {
        return None;
    }
    let heading = paint.paint(Tone::Heading, &format!("cluster {id}"));
    if nodes.is_empty() {
        return Some(format!("{heading}\n  no nodes\n"));
    }
    // A 4.0 tells no tries: no such column then.
    let is_used = |(_, field): &&Column| nodes.iter().any(|node| field(node).is_some());
    let columns: Vec<&Column> = COLUMNS.iter().filter(is_used).collect();
    let mut grid = Grid::new(columns.iter().map(|(name, _)| *name));
    for node in nodes {
        grid.push(columns.iter().map(|(_, field)| field(node).unwrap_or_default()));
    }
    Some(format!("{heading}\n{}", grid.render(paint, 2)))
}

/// In the manual's words. `status` is 2.2's number, which a 4.0 does not tell.
fn state(node: &MiData) -> Field {
    let (word, tone) = match (text(node, "state"), text(node, "link_state")) {
        (Some("disabled"), _) if node.get("status").is_some() => ("down", Tone::Bad),
        (Some("disabled"), _) => ("disabled", Tone::Bad),
        (_, Some("Up")) => ("up", Tone::Good),
        (_, Some("Probe")) => ("probing", Tone::Fair),
        (_, Some("Down")) if node.get("status") == Some(&MiData::Int(2)) => {
            ("temporarily disabled", Tone::Bad)
        }
        (_, Some("Down")) => ("down", Tone::Bad),
        (_, Some(other)) => return Field::text(other),
        (_, None) => return Field::default(),
    };
    Field::text(word).with_tone(tone)
}

fn tries(node: &MiData) -> Option<Field> {
    let tries = node.get("no_tries")?;
    Some(Field::text(&match node.get("max_failed_attempts") {
        Some(most) => format!("{tries} of {most}"),
        None => tries.to_string(),
    }))
}

fn last_failure(node: &MiData) -> Option<Field> {
    let Some(MiData::Int(unix)) = node.get("last_failed_attempt") else { return None };
    let unix = u64::try_from(*unix).ok()?;
    Some(if unix == 0 { Field::text("never") } else { Field::text(&format_utc(unix)) })
}

fn text<'a>(node: &'a MiData, name: &str) -> Option<&'a str> {
    match node.get(name) {
        Some(MiData::Text(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn shown(json: &str) -> String {
        render(&MiData::parse(json).unwrap(), Paint::OFF).unwrap()
    }

    #[test]
    fn our_daemon() {
        let node = |id: i32, link: &str, state: &str, status: i32, at: i32, description: &str| {
            format!(
                r#"{{"node_id":{id},"db_id":{id},"url":"bin:127.0.0.{id}:5566","link_state":"{link}",
                "state":"{state}","next_hop":"none","description":"{description}","status":{status},
                "last_failed_attempt":{at},"max_failed_attempts":3,"no_tries":0,
                "seconds_until_enabling":30}}"#
            )
        };
        let nodes = [
            node(2, "Up", "enabled", 1, 0, "node B"),
            node(3, "Probe", "enabled", 2, 1_795_337_501, r"\u001b[2J"),
            node(4, "Down", "enabled", 2, 1_795_337_501, "none"),
            node(15, "Up", "disabled", 0, 0, "none"),
        ];
        let list = format!(
            r#"{{"Clusters":[{{"cluster_id":1,"Nodes":[{}]}},{{"cluster_id":2,"Nodes":[]}}]}}"#,
            nodes.join(",")
        );
        expect![[r#"
            cluster 1
              node  url                  state                 tries   last failure (UTC)        description
                 2  bin:127.0.0.2:5566   up                    0 of 3  never                     node B
                 3  bin:127.0.0.3:5566   probing               0 of 3  Sun Nov 22 08:51:41 2026  \u{1b}[2J
                 4  bin:127.0.0.4:5566   temporarily disabled  0 of 3  Sun Nov 22 08:51:41 2026  none
                15  bin:127.0.0.15:5566  down                  0 of 3  never                     none

            cluster 2
              no nodes
        "#]].assert_eq(&shown(&list));
        assert_eq!(shown(r#"{"Clusters":[]}"#), "no clusters\n");
    }

    #[test]
    fn an_opensips_4_0() {
        let list = r#"{"Clusters":[{"cluster_id":1,"Nodes":[
            {"node_id":3,"db_id":3,"url":"bin:127.0.0.3:5555","link_state":"Probe","state":"enabled",
             "next_hop":"none","description":"nodeC"},
            {"node_id":2,"db_id":2,"url":"bin:127.0.0.2:5555","link_state":"Up","state":"disabled",
             "next_hop":"none","description":"nodeB"}]}]}"#;
        expect![[r#"
            cluster 1
              node  url                 state     description
                 3  bin:127.0.0.3:5555  probing   nodeC
                 2  bin:127.0.0.2:5555  disabled  nodeB
        "#]]
        .assert_eq(&shown(list));
    }

    #[test]
    fn other_answers_are_not_for_this() {
        for other in [
            "1",
            r#"{"Clusters":1}"#,
            r#"{"Clusters":[1]}"#,
            r#"{"Clusters":[],"more":1}"#,
            r#"{"Clusters":[{"cluster_id":1,"Nodes":[{"node_id":1,"Neighbours":[]}]}]}"#,
        ] {
            assert_eq!(render(&MiData::parse(other).unwrap(), Paint::OFF), None, "{other}");
        }
    }
}
