//! A page in the text format, taken apart, and what Prometheus and this house ask of it.

use std::collections::{BTreeMap, BTreeSet};

/// A family with its samples, in their order.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// What others measure in, and the base unit that it is to be.
const NO_BASE_UNITS: [(&str, &str); 8] = [
    ("ms", "seconds"),
    ("milliseconds", "seconds"),
    ("microseconds", "seconds"),
    ("us", "seconds"),
    ("minutes", "seconds"),
    ("kilobytes", "bytes"),
    ("kb", "bytes"),
    ("percent", "ratio"),
];

/// The families by name, or the first thing that is wrong.
pub(crate) fn families(text: &str) -> Result<BTreeMap<String, Family>, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut present = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let wrong = |what: &str| Err(format!("{what}: {line}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let Some((name, help)) = rest.split_once(' ') else { return wrong("no help") };
            let family = Family { help: help.to_owned(), ..Family::default() };
            if families.insert(name.to_owned(), family).is_some() {
                return wrong("described twice, or in two places");
            }
            present = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = rest.split_once(' ') else { return wrong("no type") };
            match families.get_mut(name) {
                Some(family) if name == present && family.kind.is_empty() => {
                    kind.clone_into(&mut family.kind);
                }
                _ => return wrong("no HELP before it, or a second TYPE"),
            }
        } else {
            let Some(sample) = sample(line) else { return wrong("no sample") };
            let Some(family) = families.get_mut(&present) else { return wrong("of no family") };
            let suffix = sample.name.strip_prefix(&present);
            let fits = match family.kind.as_str() {
                "histogram" => matches!(suffix, Some("_bucket" | "_sum" | "_count")),
                "" => false,
                _ => suffix == Some(""),
            };
            if !fits {
                return wrong("not of the family it stands in");
            }
            family.samples.push(sample);
        }
    }
    Ok(families)
}

/// What is wrong with a page, each with its name.
pub(crate) fn lint(text: &str) -> Vec<String> {
    let families = match families(text) {
        Ok(families) => families,
        Err(wrong) => return vec![wrong],
    };
    let mut wrong = Vec::new();
    for (name, family) in &families {
        wrong.extend(judge(name, family).into_iter().map(|what| format!("{name}: {what}")));
    }
    wrong
}

fn judge(name: &str, family: &Family) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut ask = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let words: Vec<&str> = name.split('_').collect();
    ask(words.first() == Some(&"clusterer"), "the prefix is clusterer_");
    let plain = |word: &&str| !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase());
    ask(words.iter().all(plain), "a name is words of small letters");
    ask(
        !family.help.is_empty() && family.help.chars().next().is_some_and(|it| !it.is_lowercase()),
        "a help begins like a sentence",
    );
    ask(!family.help.ends_with('.'), "a help has no full stop");
    let is_counter = family.kind == "counter";
    ask(["counter", "gauge", "histogram"].contains(&family.kind.as_str()), "an unknown type");
    ask(is_counter == name.ends_with("_total"), "counters end with _total, and nothing else does");
    for (unit, base) in NO_BASE_UNITS {
        ask(!words.contains(&unit), &format!("{unit} is no base unit: {base}"));
    }
    let bare: Vec<&str> = words.iter().copied().filter(|&word| word != "total").collect();
    for unit in ["seconds", "bytes"] {
        let at = bare.iter().position(|&word| word == unit);
        ask(at.is_none_or(|at| at + 1 == bare.len()), "a unit is the last word but for total");
    }
    ask(!words.contains(&family.kind.as_str()), "a name has no type in it");
    let mut series = BTreeSet::new();
    let mut names = BTreeSet::new();
    for Sample { name, labels, value } in &family.samples {
        let mut sorted = labels.clone();
        sorted.sort();
        ask(series.insert((name, sorted)), "a series is there twice");
        let own = labels.iter().map(|(name, _)| name.as_str()).filter(|&name| name != "le");
        let own: Vec<&str> = own.collect();
        let has_le = own.len() < labels.len();
        ask(has_le == name.ends_with("_bucket"), "le is for buckets");
        let snake = |name: &&str| name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
        ask(
            own.iter().all(|name| snake(name) && !name.starts_with('_')),
            "a label in small letters",
        );
        names.insert(own);
        // What a node does not know yet, and a zero would be taken for.
        let is_unknown = family.kind == "gauge" && value.is_nan();
        ask(value.is_finite() || is_unknown, "no number");
        ask(family.kind == "gauge" || *value >= 0.0, "a count below zero");
    }
    ask(names.len() <= 1, "all samples of a family have the same labels");
    wrong
}

/// `name{label="value",…} value`, without a time.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let mut labels = Vec::new();
    let mut rest = rest;
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, behind) = rest.split_once("=\"")?;
            let (value, behind) = quoted(behind)?;
            labels.push((label.to_owned(), value));
            rest = behind.strip_prefix(',').unwrap_or(behind);
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// A value, and what is behind its closing quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            '\n' => return None,
            other => value.push(other),
        }
    }
    None
}

#[test]
fn each_fault_of_a_page_is_found() {
    let good = "# HELP clusterer_a_bytes_total How much\n# TYPE clusterer_a_bytes_total counter\n\
                clusterer_a_bytes_total{to=\"a\\\"}\\n\"} 1\n";
    assert_eq!(lint(good), Vec::<String>::new());
    for (from, to, fault) in [
        ("clusterer_a_bytes_total{", "clusterer_b{", "not of the family it stands in"),
        ("# HELP clusterer_a_bytes_total How much\n", "", "no HELP before it"),
        ("counter", "gauge", "counters end with _total"),
        ("counter", "summary", "an unknown type"),
        ("How", "how", "begins like a sentence"),
        ("} 1\n", "} NaN\n", "no number"),
        ("} 1\n", "} +Inf\n", "no number"),
        ("} 1\n", "} -1\n", "below zero"),
        ("} 1\n", "} 1", "the last line"),
        ("} 1\n", "} 1\nclusterer_a_bytes_total{to=\"a\\\"}\\n\"} 2\n", "there twice"),
        ("} 1\n", "} 1\nclusterer_a_bytes_total{from=\"b\"} 2\n", "the same labels"),
        ("{to", "{le", "le is for buckets"),
        ("{to", "{To", "small letters"),
        ("\\n\"}", "\\x\"}", "no sample"),
        ("_bytes_total", "_ms_total", "no base unit"),
        ("_bytes_total", "_bytes_sent_total", "the last word"),
        ("clusterer_a", "opensips_a", "the prefix"),
        ("clusterer_a", "clusterer_counter", "no type in it"),
        ("clusterer_a", "clusterer__a", "words of small letters"),
    ] {
        let bad = good.replace(from, to);
        assert!(lint(&bad).join("\n").contains(fault), "{fault}: {:?}\n{bad}", lint(&bad));
    }
    let twice = format!("{good}{good}");
    assert!(lint(&twice).join("\n").contains("in two places"), "{:?}", lint(&twice));
}
