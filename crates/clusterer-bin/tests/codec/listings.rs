//! Every captured packet is what its listing says, field by field, and is written back to its bytes.

use crate::captured::{Captured, captured, rewrite};
use clusterer_bin::{
    CHUNK_MARKER, Dialect, Element, Field, FieldTree, Framer, Kind, Layout, Packet, Record, Step,
    Value,
};

/// A line of a listing, or what we say should be one.
#[derive(Debug, PartialEq)]
struct Line {
    at: usize,
    label: String,
    value: Shown,
}

#[derive(Debug, PartialEq)]
enum Shown {
    Int(i64),
    Text(Vec<u8>),
    /// The listing shows the bytes only.
    Bytes(Vec<u8>),
}

#[test]
fn every_packet_is_what_its_listing_says() {
    let all = captured();
    assert_eq!(all.len(), 7 + 21, "captured packets");
    for captured in &all {
        let packet = whole(captured);
        let layout = Layout::of(&packet).unwrap_or_else(|| panic!("{}: no layout", captured.file));
        let tree = FieldTree::read(layout, &packet).unwrap();
        assert_eq!((&tree.left_over[..], tree.uncounted), (&[][..], 0), "{}", captured.file);
        let told = told(captured);
        let ours = Ours::of(&packet, layout, &tree).lines;
        for (told, ours) in told.iter().zip(&ours) {
            assert_eq!(ours, told, "{}", captured.file);
        }
        assert_eq!(ours.len(), told.len(), "{}: lines", captured.file);
    }
}

#[test]
fn every_packet_is_written_back_to_the_same_bytes() {
    for captured in &captured() {
        let packet = whole(captured);
        let layout = Layout::of(&packet).unwrap();
        let tree = FieldTree::read(layout, &packet).unwrap();
        let written = rewrite(&packet, layout, &tree);
        assert_eq!(written.to_vec(), captured.bytes, "{}", captured.file);
        assert_eq!(written.len(), captured.bytes.len());
    }
}

#[test]
fn no_packet_is_one_of_the_other_dialect() {
    for Captured { file, dialect, bytes, .. } in &captured() {
        let other = if *dialect == Dialect::V22 { Dialect::V24 } else { Dialect::V22 };
        let named = Packet::parse(other, bytes).is_ok_and(|packet| !packet.module.is_empty());
        assert!(!named, "{file} passes for a {other} packet");
    }
}

fn whole(captured: &Captured) -> Packet<'_> {
    let step = Framer::new(captured.dialect).next(&captured.bytes).unwrap();
    let Step::Packet { bytes, consumed } = step else { panic!("{}: not whole", captured.file) };
    assert_eq!(consumed, captured.bytes.len());
    Packet::parse(captured.dialect, bytes).unwrap()
}

/// The listing's lines. Each is an offset, up to sixteen bytes in hex, and a label with a value; a line
/// without a label continues the bytes of the one before.
fn told(captured: &Captured) -> Vec<Line> {
    let mut lines: Vec<(usize, Vec<u8>, String)> = Vec::new();
    for line in captured.listing.lines() {
        let Some(at) = line.get(..4).and_then(|at| usize::from_str_radix(at, 16).ok()) else {
            continue;
        };
        let Some((hex, label)) = line.get(6..).and_then(|rest| rest.split_at_checked(48)) else {
            continue;
        };
        let bytes: Vec<u8> =
            hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        match lines.last_mut() {
            Some((_, before, _)) if label.trim().is_empty() => before.extend(bytes),
            _ => lines.push((at, bytes, label.trim().to_owned())),
        }
    }
    let listed: Vec<u8> = lines.iter().flat_map(|(_, bytes, _)| bytes.clone()).collect();
    assert_eq!(listed, captured.bytes, "{}: the listing is of other bytes", captured.file);
    lines.into_iter().map(|(at, bytes, label)| line(at, bytes, &label)).collect()
}

fn line(at: usize, bytes: Vec<u8>, label: &str) -> Line {
    let quoted = [" = b'", " = '"]
        .iter()
        .find_map(|quote| label.split_once(quote))
        .and_then(|(name, text)| Some((name, unescaped(text.strip_suffix('\'')?))));
    if let Some((name, text)) = quoted {
        assert_eq!(text, bytes, "{label}: text and bytes differ");
        return Line { at, label: normal(name), value: Shown::Text(text) };
    }
    let Some((name, number)) = label.rsplit_once(" = ") else {
        return Line { at, label: normal(label), value: Shown::Bytes(bytes) };
    };
    let digits = number.split(|c: char| c != '-' && !c.is_ascii_digit()).next().unwrap();
    let value: i64 = digits.parse().unwrap();
    let stands = match bytes[..] {
        [a, b] => i16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
        _ => panic!("{label}: no integer"),
    };
    assert_eq!(value, stands, "{label}: number and bytes differ");
    Line { at, label: normal(name), value: Shown::Int(value) }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let byte = match c {
            '\\' => match chars.next().unwrap() {
                'n' => b'\n',
                'r' => b'\r',
                'x' => {
                    let hex: String = chars.by_ref().take(2).collect();
                    u8::from_str_radix(&hex, 16).unwrap()
                }
                other => panic!("unexpected escape {other}"),
            },
            _ => u8::try_from(c).unwrap(),
        };
        bytes.push(byte);
    }
    bytes
}

/// One wording for what the listings say in several: no remarks, positions or punctuation.
fn normal(label: &str) -> String {
    let mut plain = String::new();
    let mut depth = 0;
    for c in label.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let plain = plain.trim().strip_prefix("trailer: ").unwrap_or(plain.trim());
    let plain = plain.split([':', '=']).next().unwrap();
    let plain = plain.split(" b'").next().unwrap().to_ascii_lowercase();
    let words: Vec<&str> =
        plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    match &words[..] {
        ["len", "of", name @ ..] => format!("{}_length", name.join("_")),
        ["node", field @ ..] if label.starts_with("node[") && field != ["id"] => field.join("_"),
        words => words.join("_"),
    }
}

/// The lines that a packet and the tree of its fields make.
struct Ours {
    dialect: Dialect,
    at: usize,
    lines: Vec<Line>,
}

impl Ours {
    fn of(packet: &Packet<'_>, layout: &Layout, tree: &FieldTree) -> Self {
        let mut ours = Self { dialect: packet.dialect, at: 0, lines: Vec::new() };
        let length = i64::try_from(packet.bytes().len()).unwrap();
        ours.line("marker", 4, Shown::Bytes(b"P4CK".to_vec()));
        let [a, b, c, d] = packet.reserved;
        match packet.dialect {
            Dialect::V22 => {
                let unset = |of: &str| format!("upper_half_of_the_4_byte_{of}_field");
                ours.line("packet_length", 2, Shown::Int(length));
                ours.line(&unset("length"), 2, Shown::Bytes(vec![a, b]));
                ours.line("version", 2, Shown::Int(packet.version.into()));
                ours.line(&unset("version"), 2, Shown::Bytes(vec![c, d]));
                ours.str("module_name", packet.module);
                ours.int("command_packet_type", packet.command);
                ours.int("sender_machine_id", packet.sender);
            }
            _ => {
                ours.line("total_length", 4, Shown::Int(length));
                ours.line("version", 2, Shown::Int(packet.version.into()));
                ours.str("capability", packet.module);
                ours.int("packet_type", packet.command);
                if packet.destination.is_none() {
                    ours.int("cluster_id", packet.cluster.unwrap());
                    ours.int("source_node_id", packet.sender);
                }
            }
        }
        ours.fields(layout.name, layout.fields, &tree.fields);
        if let Some(destination) = packet.destination {
            ours.int("cluster_id", packet.cluster.unwrap());
            ours.int("source_node_id", packet.sender);
            ours.int("destination_node_id", destination);
        }
        ours
    }

    fn fields(&mut self, packet: &str, fields: &[Field], record: &Record) {
        for &Field { name, kind } in fields {
            let value = record.get(name).unwrap();
            match (kind, value) {
                (Kind::Int, &Value::Int(int)) => self.int(name, int),
                (Kind::Str, Value::Str(bytes)) => self.str(name, bytes),
                (Kind::Flag(more), &Value::Int(flag)) => {
                    self.int(name, flag);
                    if flag != 0 {
                        self.fields(packet, more, record);
                    }
                }
                (Kind::Counted(element), Value::List(elements)) => {
                    let (count, each) = labels(packet, name);
                    self.int(count, elements.len().try_into().unwrap());
                    for value in elements {
                        self.element(packet, each, element, value);
                    }
                }
                (Kind::Repeat(element), Value::List(elements)) => {
                    for value in elements {
                        self.element(packet, name, element, value);
                    }
                }
                (Kind::Chunks { by, known }, Value::List(chunks)) => {
                    let Some(Value::Str(by)) = record.get(by) else { panic!("{by}") };
                    let fields = known.iter().find(|(name, _)| name.as_bytes() == by).unwrap().1;
                    for chunk in chunks {
                        self.chunk(packet, fields, chunk);
                    }
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    fn chunk(&mut self, packet: &str, fields: &[Field], chunk: &Value) {
        let Value::Record(record) = chunk else { panic!("{chunk:?}") };
        let size_line = self.lines.len();
        self.int("chunk_size", 0);
        self.int("chunk_start_marker", CHUNK_MARKER);
        let begin = self.at;
        self.fields(packet, fields, record);
        self.lines[size_line].value = Shown::Int(i64::try_from(self.at - begin).unwrap());
    }

    fn element(&mut self, packet: &str, name: &str, element: Element, value: &Value) {
        match (element, value) {
            (Element::Int, &Value::Int(int)) => self.int(name, int),
            (Element::Str, Value::Str(bytes)) => self.str(name, bytes),
            (Element::Group(fields), Value::Record(record)) => self.fields(packet, fields, record),
            other => panic!("{name}: {other:?}"),
        }
    }

    fn int(&mut self, label: &str, value: i32) {
        self.line(label, 4, Shown::Int(value.into()));
    }

    fn str(&mut self, label: &str, value: &[u8]) {
        let length = Shown::Int(i64::try_from(value.len()).unwrap());
        let size = if self.dialect == Dialect::V22 { 4 } else { 2 };
        self.line(&format!("{label}_length"), size, length);
        if !value.is_empty() {
            self.line(label, value.len(), Shown::Text(value.to_vec()));
        }
    }

    fn line(&mut self, label: &str, size: usize, value: Shown) {
        self.lines.push(Line { at: self.at, label: label.to_owned(), value });
        self.at += size;
    }
}

/// What the listings call the count of a list, and its elements where they have no names of their own.
fn labels(packet: &str, list: &str) -> (&'static str, &'static str) {
    match (packet, list) {
        (_, "path") => ("path_len", "path_node_id"),
        ("FULL_TOP_UPDATE", "nodes") => ("no_nodes", ""),
        ("FULL_TOP_UPDATE", "neighbours") => ("no_neigh", "neighbour_id"),
        ("PONG", "nodes") => ("nr_nodes", "known_node_id"),
        ("CAP_UPDATE", "nodes") => ("nr_nodes", ""),
        ("CAP_UPDATE", "capabilities") => ("nr_cap", ""),
        ("MI_CMD", "params") => ("no_params", "param"),
        other => panic!("no labels for {other:?}"),
    }
}
