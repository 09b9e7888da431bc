//! An answer for people: values in lines, objects as names and values, lists of objects as tables.

use super::nodes;
use crate::grid::{Field, Grid};
use crate::screen::{Paint, Tone, printable};
use clusterer_mi::MiData;

pub(super) fn render(data: &MiData, paint: Paint) -> String {
    nodes::render(data, paint).unwrap_or_else(|| {
        let mut out = String::new();
        block(data, paint, 0, &mut out);
        out
    })
}

fn block(data: &MiData, paint: Paint, indent: usize, out: &mut String) {
    match data {
        MiData::List(items) if !items.is_empty() => list(items, paint, indent, out),
        MiData::Object(members) if members.is_empty() => push(out, indent, "none"),
        MiData::Object(members) => object(members, paint, indent, out),
        plain => push(out, indent, &inline(plain).unwrap_or_default()),
    }
}

/// A table, if all items have names and plain values; else one after the other.
fn list(items: &[MiData], paint: Paint, indent: usize, out: &mut String) {
    let Some(rows) = rows(items) else {
        for (index, item) in items.iter().enumerate() {
            if index > 0 && matches!(item, MiData::Object(_)) {
                out.push('\n');
            }
            match item {
                MiData::List(_) => push(out, indent, &printable(&item.to_string())),
                item => block(item, paint, indent, out),
            }
        }
        return;
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().copied().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut grid = Grid::new(names.iter().copied());
    for item in items {
        grid.push(names.iter().map(|name| item.get(name).map(field).unwrap_or_default()));
    }
    out.push_str(&grid.render(paint, indent));
}

/// The most columns of a table; an answer with more is listed.
const MAX_COLUMNS: usize = 32;

fn rows(items: &[MiData]) -> Option<Vec<&[(String, MiData)]>> {
    items.iter().map(row).collect()
}

fn row(item: &MiData) -> Option<&[(String, MiData)]> {
    let MiData::Object(members) = item else { return None };
    let is_flat = members.iter().all(|(_, value)| inline(value).is_some());
    (is_flat && members.len() <= MAX_COLUMNS).then_some(members)
}

/// Plain members stand together, name and value; what has more in it stands below its name.
fn object(members: &[(String, MiData)], paint: Paint, indent: usize, out: &mut String) {
    for run in
        members.chunk_by(|(_, one), (_, next)| inline(one).is_some() && inline(next).is_some())
    {
        if let [(name, value)] = run
            && inline(value).is_none()
        {
            push(out, indent, &paint.paint(Tone::Heading, &printable(name)));
            block(value, paint, indent + 2, out);
            continue;
        }
        let width = run.iter().map(|(name, _)| Field::text(name).width()).max().unwrap_or_default();
        for (name, value) in run {
            let name = Field::text(name);
            let gap = " ".repeat(width - name.width().min(width));
            let line = format!("{}{gap}  {}", name.shown(), inline(value).unwrap_or_default());
            push(out, indent, line.trim_end());
        }
    }
}

/// What fits a line: a plain value, or some of them.
fn inline(data: &MiData) -> Option<String> {
    match data {
        MiData::List(items) if items.is_empty() => Some("none".to_owned()),
        MiData::List(items) => {
            let plain =
                |item: &MiData| (!matches!(item, MiData::List(_))).then(|| inline(item)).flatten();
            let items: Option<Vec<String>> = items.iter().map(plain).collect();
            items.map(|items| items.join(", "))
        }
        MiData::Null => Some("-".to_owned()),
        MiData::Object(_) => None,
        MiData::Text(text) => Some(printable(text).into_owned()),
        other => Some(other.to_string()),
    }
}

fn field(data: &MiData) -> Field {
    match data {
        MiData::Int(number) => Field::number(&number.to_string()),
        other => Field::text(&inline(other).unwrap_or_default()),
    }
}

fn push(out: &mut String, indent: usize, line: &str) {
    out.push_str(&" ".repeat(indent));
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(json: &str, expected: Expect) {
        expected.assert_eq(&render(&MiData::parse(json).unwrap(), Paint::OFF));
    }

    #[test]
    fn plain_values() {
        check(
            r#""OK""#,
            expect![[r#"
            OK
        "#]],
        );
        check(
            r#"["uptime","core:uptime","a\nb"]"#,
            expect![[r#"
            uptime
            core:uptime
            a\nb
        "#]],
        );
        check(
            "[]",
            expect![[r#"
            none
        "#]],
        );
        check(
            "null",
            expect![[r#"
            -
        "#]],
        );
    }

    #[test]
    fn names_and_values() {
        check(
            r#"{"Now":"Sun Nov 22 08:59:34 2026","Up since":"Sun Nov 22 08:59:32 2026","Up time":"2 [sec]"}"#,
            expect![[r#"
                Now       Sun Nov 22 08:59:34 2026
                Up since  Sun Nov 22 08:59:32 2026
                Up time   2 [sec]
            "#]],
        );
    }

    #[test]
    fn pipes() {
        check(
            r#"{"Pipes":[{"id":"gateway","algorithm":"TAILDROP","limit":100,"counter":7},
                {"id":"in\tvite","algorithm":"RED","limit":5,"counter":12}],"drop_rate":0}"#,
            expect![[r#"
                Pipes
                  id        algorithm  limit  counter
                  gateway   TAILDROP     100        7
                  in\tvite  RED            5       12
                drop_rate  0
            "#]],
        );
        check(
            r#"{"Pipes":[],"drop_rate":0}"#,
            expect![[r#"
                Pipes      none
                drop_rate  0
            "#]],
        );
    }

    #[test]
    fn help() {
        check(
            r#"{"Help":"Sets","Names":["a_set","a:set"],"Parameters":[{"name":"cluster_id","alias":null},
                {"name":"machine_id","alias":"node_id"}]}"#,
            expect![[r#"
                Help   Sets
                Names  a_set, a:set
                Parameters
                  name        alias
                  cluster_id  -
                  machine_id  node_id
            "#]],
        );
    }

    #[test]
    fn lists_within_lists() {
        check(
            r#"{"Clusters":[{"cluster_id":1,"Nodes":[{"node_id":1,"Neighbours":[3,2]}]},
                {"cluster_id":2,"Nodes":[]}]}"#,
            expect![[r#"
                Clusters
                  cluster_id  1
                  Nodes
                    node_id  Neighbours
                          1  3, 2

                  cluster_id  2
                  Nodes       none
            "#]],
        );
        check(
            r#"[[1,[2]],{"a":{"b":{}}},3]"#,
            expect![[r#"
            [1,[2]]

            a
              b
                none
            3
        "#]],
        );
    }
}
