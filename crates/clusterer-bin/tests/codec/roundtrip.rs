//! What is written reads back the same.

use clusterer_bin::{
    Dialect, Element, Field, FieldTree, Framer, Kind, Layout, Origin, Packet, PacketWriter, Record,
    Step, Tail, TreeProblem, Value,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Atom {
    Int(i32),
    Str(Vec<u8>),
    Raw(Vec<u8>),
}

fn atoms() -> impl Strategy<Value = Vec<Atom>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let atom = prop_oneof![
        any::<i32>().prop_map(Atom::Int),
        bytes().prop_map(Atom::Str),
        bytes().prop_map(Atom::Raw),
    ];
    prop::collection::vec(atom, 0..30)
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::V22), Just(Dialect::V24)]
}

fn module() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(b"clusterer-internal".to_vec()), prop::collection::vec(any::<u8>(), 1..40),]
}

proptest! {
    #[test]
    fn arbitrary_fields(
        dialect in dialect(),
        module in module(),
        (command, version, sender, cluster, to) in any::<(i32, i16, i32, i32, i32)>(),
        reserved in any::<[u8; 4]>(),
        atoms in atoms(),
    ) {
        let origin = Origin { sender, cluster };
        let mut writer = PacketWriter::with_version(dialect, &module, command, version, origin);
        writer.reserved(reserved);
        for atom in &atoms {
            match atom {
                Atom::Int(value) => writer.int(*value),
                Atom::Str(value) => writer.str(value),
                Atom::Raw(value) => writer.raw(value),
            };
        }
        let length = writer.len();
        let encoded = writer.encode().unwrap();
        let outgoing = encoded.to(to);
        prop_assert_eq!(outgoing.len(), length);
        let written = outgoing.to_vec();

        // Another receiver's copy shares the bytes and differs in its tail alone.
        let other = encoded.to(to.wrapping_add(1));
        prop_assert_eq!(other.shared.as_ptr(), outgoing.shared.as_ptr());
        let addressed = dialect == Dialect::V24 && module != b"clusterer-internal";
        prop_assert_eq!(outgoing.tail != Tail::NONE, addressed);

        let stream = [&written[..], &written].concat();
        let mut framer = Framer::new(dialect);
        let step = framer.next(&stream).unwrap();
        prop_assert_eq!(step, Step::Packet { bytes: &written, consumed: length });

        let packet = Packet::parse(dialect, &written).unwrap();
        prop_assert_eq!(packet.module, &module[..]);
        prop_assert_eq!((packet.command, packet.version, packet.sender), (command, version, sender));
        prop_assert_eq!(packet.cluster, (dialect == Dialect::V24).then_some(cluster));
        prop_assert_eq!(packet.destination, addressed.then_some(to));
        let kept = if dialect == Dialect::V22 { reserved } else { [0; 4] };
        prop_assert_eq!(packet.reserved, kept);
        let mut body = packet.body();
        for atom in &atoms {
            match atom {
                Atom::Int(value) => prop_assert_eq!(body.int(), Ok(*value)),
                Atom::Str(value) => prop_assert_eq!(body.str(), Ok(&value[..])),
                Atom::Raw(value) => prop_assert_eq!(body.raw(value.len()), Ok(&value[..])),
            }
        }
        prop_assert!(body.is_empty());
    }

    #[test]
    fn arbitrary_trees_of_every_layout(
        seed in prop::collection::vec(any::<u8>(), 1..80),
        extra in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        for layout in Layout::all() {
            let mut seed = seed.iter().copied().cycle();
            let mut tree = FieldTree::default();
            grow(layout.fields, &mut seed, &mut tree.fields);
            if !runs_to_the_end(layout) {
                tree.left_over.clone_from(&extra);
            }
            prop_assert_eq!(read_back(layout, &tree), tree, "{}", layout.name);
        }
    }
}

fn write(layout: &Layout, tree: &FieldTree) -> Result<Vec<u8>, clusterer_bin::TreeError> {
    let origin = Origin { sender: 1, cluster: 1 };
    let module = layout.module.as_bytes();
    let mut writer =
        PacketWriter::with_version(layout.dialect, module, layout.command, layout.version, origin);
    tree.write(layout, &mut writer)?;
    Ok(writer.finish(2).unwrap().to_vec())
}

fn read_back(layout: &Layout, tree: &FieldTree) -> FieldTree {
    let bytes = write(layout, tree).unwrap();
    let packet = Packet::parse(layout.dialect, &bytes).unwrap();
    assert_eq!(Layout::of(&packet).unwrap().name, layout.name);
    FieldTree::read(layout, &packet).unwrap()
}

fn runs_to_the_end(layout: &Layout) -> bool {
    let last = layout.fields.last().map(|field| field.kind);
    matches!(last, Some(Kind::Repeat(_) | Kind::Chunks { .. }))
}

fn grow(fields: &[Field], seed: &mut impl Iterator<Item = u8>, record: &mut Record) {
    for &Field { name, kind } in fields {
        let mut draw = || seed.next().unwrap();
        match kind {
            Kind::Int => record.push(name, Value::Int(i32::from(draw()) - 100)),
            // The capability decides what a chunk holds.
            Kind::Str if name == "capability" => {
                let of = ["dialog-dlg-repl", "usrloc-contact-repl", "unknown"];
                record.push(name, Value::Str(of[usize::from(draw()) % 3].into()));
            }
            Kind::Str => record.push(name, string(seed)),
            Kind::Flag(more) => {
                let flag = i32::from(draw() % 3);
                record.push(name, Value::Int(flag));
                if flag != 0 {
                    grow(more, seed, record);
                }
            }
            Kind::Choice(cases) => {
                let chosen = i32::from(draw() % 4) - 1;
                record.push(name, Value::Int(chosen));
                if let Some((_, more)) = cases.iter().find(|(case, _)| *case == chosen) {
                    grow(more, seed, record);
                }
            }
            Kind::Counted(element) | Kind::Repeat(element) => {
                let elements = (0..draw() % 4).map(|_| grown(element, seed)).collect();
                record.push(name, Value::List(elements));
            }
            Kind::Chunks { by, known } => {
                let by = record.get(by).unwrap().clone();
                let fields = known.iter().find(|(name, _)| by == Value::Str((*name).into()));
                let mut chunks = Vec::new();
                for _ in 0..draw() % 4 {
                    chunks.push(match fields {
                        Some((_, fields)) => {
                            let mut chunk = Record::new();
                            grow(fields, seed, &mut chunk);
                            Value::Record(chunk)
                        }
                        None => {
                            let Value::Str(bytes) = string(seed) else { unreachable!() };
                            Value::Raw(bytes)
                        }
                    });
                }
                record.push(name, Value::List(chunks));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn grown(element: Element, seed: &mut impl Iterator<Item = u8>) -> Value {
    match element {
        Element::Int => Value::Int(i32::from(seed.next().unwrap())),
        Element::Str => string(seed),
        Element::Group(fields) => {
            let mut record = Record::new();
            grow(fields, seed, &mut record);
            Value::Record(record)
        }
        other => panic!("{other:?}"),
    }
}

fn string(seed: &mut impl Iterator<Item = u8>) -> Value {
    let length = usize::from(seed.next().unwrap() % 8);
    Value::Str(seed.take(length).collect())
}

#[test]
fn layouts_and_their_fields_have_names_of_their_own() {
    for (position, layout) in Layout::all().iter().enumerate() {
        let others = || Layout::all().iter().skip(position + 1);
        let same = |other: &&Layout| {
            (other.dialect, other.module) == (layout.dialect, layout.module)
                && (other.command == layout.command || other.name == layout.name)
        };
        assert!(others().find(same).is_none(), "{}", layout.name);
        let found = Layout::find(layout.dialect, layout.module.as_bytes(), layout.command).unwrap();
        assert_eq!(found.name, layout.name);
        names(layout.fields, &mut Vec::new());
    }
}

fn names(fields: &'static [Field], seen: &mut Vec<&'static str>) {
    for field in fields {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(field.name.chars().all(word), "{}", field.name);
        assert!(!seen.contains(&field.name), "{} twice", field.name);
        seen.push(field.name);
        match field.kind {
            Kind::Flag(more) => names(more, seen),
            Kind::Choice(cases) => {
                for (_, more) in cases {
                    names(more, &mut seen.clone());
                }
            }
            Kind::Counted(Element::Group(group)) | Kind::Repeat(Element::Group(group)) => {
                names(group, &mut Vec::new());
            }
            Kind::Chunks { by, known } => {
                assert!(seen.contains(&by));
                for (_, fields) in known {
                    names(fields, &mut Vec::new());
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_layout_is_of_its_version_only() {
    for (version, known) in [(1, true), (2, false)] {
        let origin = Origin { sender: 1, cluster: 1 };
        let writer =
            PacketWriter::with_version(Dialect::V24, b"ratelimit-pipe-repl", 0, version, origin);
        let bytes = writer.finish(2).unwrap().to_vec();
        let packet = Packet::parse(Dialect::V24, &bytes).unwrap();
        assert_eq!(Layout::of(&packet).is_some(), known);
    }
}

#[test]
fn tree_errors_say_where_and_what() {
    let layout = Layout::find(Dialect::V22, b"ratelimit", 0).unwrap();
    let pipe = |change: &dyn Fn(&mut Record)| {
        let mut pipe = Record::new();
        pipe.push("pipe_name", Value::Str(b"p1".to_vec()));
        for name in ["algorithm", "limit"] {
            pipe.push(name, Value::Int(1));
        }
        change(&mut pipe);
        let mut tree = FieldTree::default();
        tree.fields.push("pipes", Value::List(vec![Value::Record(pipe)]));
        write(layout, &tree)
    };
    let error = pipe(&|_| ()).unwrap_err();
    assert_eq!((&error.path[..], error.problem), ("pipes[0].counter", TreeProblem::Missing));
    assert_eq!(error.to_string(), "pipes[0].counter: the field is missing");
    let error = pipe(&|pipe| pipe.push("counter", Value::Str(Vec::new()))).unwrap_err();
    let expected = TreeProblem::NotA("an integer");
    assert_eq!((&error.path[..], error.problem), ("pipes[0].counter", expected));
    let error = pipe(&|pipe| {
        pipe.push("counter", Value::Int(0));
        pipe.push("burst", Value::Int(0));
    })
    .unwrap_err();
    assert_eq!((&error.path[..], error.problem), ("pipes[0].burst", TreeProblem::Unknown));
    let error = write(layout, &FieldTree::default()).unwrap_err();
    assert_eq!((&error.path[..], error.problem), ("pipes", TreeProblem::Missing));
}

/// A value whose flag says that it is not there is an error, not silently dropped.
#[test]
fn a_value_without_its_flag_is_unknown() {
    let layout = Layout::find(Dialect::V22, b"dialog", 4).unwrap();
    let mut profile = Record::new();
    profile.push("profile_name", Value::Str(b"caller".to_vec()));
    profile.push("has_value", Value::Int(0));
    profile.push("value", Value::Str(b"alice".to_vec()));
    profile.push("count", Value::Int(1));
    let mut tree = FieldTree::default();
    tree.fields.push("profiles", Value::List(vec![Value::Record(profile)]));
    let error = write(layout, &tree).unwrap_err();
    assert_eq!((&error.path[..], error.problem), ("profiles[0].value", TreeProblem::Unknown));
}
