//! The dashboard: each of its queries finds something, also where nothing is wrong.

use super::{Cluster, read};
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{PATIENCE, Prometheus, Scraper, wait_for};
use serde_json::Value;

/// What Grafana puts in when everything is selected and the last five minutes are shown.
const VARIABLES: [(&str, &str); 4] =
    [("$cluster", ".*"), ("$instance", ".*"), ("$__rate_interval", "1m"), ("$__range", "5m")];

struct Query {
    title: String,
    expression: String,
}

/// Those of the panels, of the annotations and of the variables.
fn queries(board: &Value) -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    let text = |of: &Value, path: &str| -> Result<String> {
        let found = of.pointer(path).and_then(Value::as_str);
        Ok(found.with_context(|| format!("{path} in {of}"))?.to_owned())
    };
    let list = |path: &str| board.pointer(path).and_then(Value::as_array).context(path.to_owned());
    for panel in list("/panels")?.iter().filter(|it| it["type"] != "row") {
        let targets = panel["targets"].as_array().context("a panel has targets")?;
        ensure!(!targets.is_empty(), "{panel} asks nothing");
        for target in targets {
            let (title, expression) = (text(panel, "/title")?, text(target, "/expr")?);
            queries.push(Query { title, expression });
        }
    }
    for annotation in list("/annotations/list")? {
        let (title, expression) = (text(annotation, "/name")?, text(annotation, "/expr")?);
        queries.push(Query { title, expression });
    }
    for variable in list("/templating/list")?.iter().filter(|it| it["type"] == "query") {
        let query = text(variable, "/query/query")?;
        let parts = query.strip_prefix("label_values(").and_then(|it| it.strip_suffix(')'));
        let (metric, label) = parts.and_then(|it| it.split_once(", ")).context("label_values")?;
        let expression = format!("group by ({label}) ({metric})");
        queries.push(Query { title: text(variable, "/name")?, expression });
    }
    for query in &mut queries {
        for (name, value) in VARIABLES {
            query.expression = query.expression.replace(name, value);
        }
        let Query { title, expression } = query;
        ensure!(!expression.contains('$'), "{title} has an unknown variable: {expression}");
    }
    Ok(queries)
}

/// The expressions of rules, without their names, comments and annotations.
fn judged(rules: &str) -> String {
    let mut judged = String::new();
    let mut depth = None;
    for line in rules.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let indent = line.len() - line.trim_start().len();
        if let Some(expression) = line.trim_start().strip_prefix("expr: ") {
            depth = Some(indent);
            judged.push_str(expression);
        } else if depth.is_some_and(|depth| indent > depth) {
            judged.push_str(line);
        } else {
            depth = None;
            continue;
        }
        judged.push('\n');
    }
    judged
}

fn each_finds_something(prometheus: &Scraper, queries: &[Query]) -> Result<Option<()>> {
    for Query { title, expression } in queries {
        ensure!(!prometheus.query(expression)?.is_empty(), "{title} finds nothing: {expression}");
    }
    Ok(Some(()))
}

#[test]
fn each_query_of_the_board_returns_data() -> Result<()> {
    let Some(prometheus) = Prometheus::for_test("watch::each_query_of_the_board_returns_data")?
    else {
        return Ok(());
    };
    let board: Value = serde_json::from_str(&read("deploy/grafana/clusterer.json")?)?;
    let queries = queries(&board)?;
    assert!(queries.len() >= 40, "{}", queries.len());
    let mut cluster = Cluster::start()?;
    let rules = read("deploy/prometheus/clusterer.rules.yml")?;
    let scraper =
        prometheus.start(&cluster.scraped()?, &[("clusterer.rules.yml", rules.as_str())])?;
    wait_for("all three are scraped", PATIENCE, || {
        Ok((scraper.query("up == 1")?.len() == 3).then_some(()))
    })?;

    cluster.nodes[0].mi_ok("rl_check", &["gateway", "100"])?;
    cluster.nodes[1].terminate()?;
    cluster.nodes[1].restart()?;
    cluster.nodes[2].kill()?;
    cluster.nodes[0].wait_state(3, 2)?;
    wait_for("each query finds something", PATIENCE, || each_finds_something(&scraper, &queries))
}

#[test]
fn what_is_said_of_a_rule_is_not_judged() {
    let rules = "
      # comment
      - record: name
        expr: |
          one
          # comment
          > two
      - alert: Name
        expr: three == 0
        for: 1m
        annotations:
          summary: \"text\"
";
    assert_eq!(judged(rules), "|\n          one\n          > two\nthree == 0\n");
}

#[test]
fn each_metric_is_on_the_board_or_in_a_rule() -> Result<()> {
    let reference = read("docs/metrics.md")?;
    let board: Value = serde_json::from_str(&read("deploy/grafana/clusterer.json")?)?;
    let mut shown = judged(&read("deploy/prometheus/clusterer.rules.yml")?);
    for Query { expression, .. } in queries(&board)? {
        shown.push_str(&expression);
        shown.push('\n');
    }
    let rows = reference.lines().filter_map(|line| line.strip_prefix("| `"));
    let metrics: Vec<_> = rows.filter_map(|row| Some(row.split_once('`')?.0)).collect();
    assert!(metrics.len() >= 25, "{metrics:?}");
    // As a whole word: `clusterer_nodes` is not in `clusterer_nodes_x`, but a histogram is in its parts.
    let is_shown = |metric: &str| {
        let ends = ["{", "[", "_bucket{", "_sum{", ")", " ", "\n"];
        ends.iter().any(|end| shown.contains(&format!("{metric}{end}")))
    };
    let missing: Vec<_> = metrics.into_iter().filter(|metric| !is_shown(metric)).collect();
    assert_eq!(missing, Vec::<&str>::new());
    Ok(())
}

#[test]
fn the_board_goes_where_the_files_say_and_keeps_its_address() -> Result<()> {
    let board: Value = serde_json::from_str(&read("deploy/grafana/clusterer.json")?)?;
    assert_eq!(board["uid"], "clusterer", "links to it stay good");
    let panels = board["panels"].as_array().context("panels")?;
    let mut ids: Vec<_> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), panels.len());
    let compose = read("deploy/container/compose.yaml")?;
    let provider = read("deploy/container/grafana/dashboards/clusterer.yml")?;
    let datasource = read("deploy/container/grafana/datasources/prometheus.yml")?;
    let directory = provider.split("path: ").nth(1).context("a path")?.trim();
    assert!(compose.contains(&format!("../grafana:{directory}:ro")), "{directory}");
    let uid = board.pointer("/templating/list/0/current/value").and_then(Value::as_str);
    assert!(datasource.contains(&format!("uid: {}\n", uid.context("a data source")?)));
    let scraping = read("deploy/container/prometheus.yml")?;
    let rules = scraping.lines().find_map(|line| line.trim().strip_prefix("- /"));
    let (directory, names) = rules.and_then(|it| it.rsplit_once('/')).context("rule files")?;
    assert!(compose.contains(&format!("../prometheus:/{directory}:ro")) && names == "*.rules.yml");
    assert!(scraping.contains("job_name: clusterer\n"), "the name that the rules look for");
    let ours = read("deploy/grafana/provisioning.yml")?;
    assert!(ours.contains("path: /usr/share/clusterer/grafana\n"));
    Ok(())
}
