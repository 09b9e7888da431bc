//! `clustererctl bin` as a user runs it.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use assert_cmd::Command;
use expect_test::{Expect, expect};
use std::path::{Path, PathBuf};

fn ctl() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"))
}

/// What a successful run prints.
fn printed(args: &[&str], input: &[u8]) -> Vec<u8> {
    let output = ctl().args(args).write_stdin(input).assert().success().get_output().clone();
    assert!(output.stderr.is_empty());
    output.stdout
}

fn decode(bytes: &[u8]) -> String {
    String::from_utf8(printed(&["bin", "decode", "-"], bytes)).unwrap()
}

fn encode(json: &str) -> Vec<u8> {
    printed(&["bin", "encode"], json.as_bytes())
}

/// What a failing run says, and that it prints nothing else.
fn refused(args: &[&str], input: &[u8], code: i32, expected: &Expect) {
    let output = ctl().args(args).write_stdin(input).assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty());
    expected.assert_eq(&String::from_utf8(output.stderr).unwrap());
}

fn captured(folder: &str) -> Vec<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../clusterer-bin/tests/packets").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ext| ext == "bin")).collect();
    files.sort();
    files
}

fn packet(path: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clusterer-bin/tests/packets");
    std::fs::read(folder.join(path)).unwrap()
}

#[test]
fn decode_and_encode_are_the_identity_on_every_captured_packet() {
    for (folder, count) in [("2.2", 7), ("4.0", 21)] {
        let files = captured(folder);
        assert_eq!(files.len(), count);
        for file in &files {
            let json = printed(&["bin", "decode", file.to_str().unwrap()], b"");
            let json = String::from_utf8(json).unwrap();
            assert_eq!(json.lines().count(), 1);
            assert!(json.contains("\"fields\":"), "{json}");
            assert_eq!(encode(&json), std::fs::read(file).unwrap(), "{}", file.display());
        }
    }
}

#[test]
fn decode_and_encode_are_the_identity_on_streams_and_on_several_files() {
    for folder in ["2.2", "4.0"] {
        let files = captured(folder);
        let stream: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
        let json = decode(&stream);
        assert_eq!(json.lines().count(), files.len());
        assert_eq!(encode(&json), stream);

        let mut args = vec!["bin", "decode"];
        args.extend(files.iter().map(|file| file.to_str().unwrap()));
        assert_eq!(String::from_utf8(printed(&args, b"")).unwrap(), json);
    }
    // Files of both dialects may be named at once.
    let both = [captured("2.2"), captured("4.0")].concat();
    let mut args = vec!["bin", "decode"];
    args.extend(both.iter().map(|file| file.to_str().unwrap()));
    let json = String::from_utf8(printed(&args, b"")).unwrap();
    let bytes: Vec<u8> = both.iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(encode(&json), bytes);
}

#[test]
fn packets_as_they_are_shown() {
    let check = |path: &str, expected: Expect| expected.assert_eq(&decode(&packet(path)));
    check(
        "2.2/rl_pipe_counter_33B.bin",
        expect![[r#"
            {"dialect":"2.2","length":33,"version":1,"module":"ratelimit","command":0,"name":"RL_PIPE_COUNTER","sender":1,"fields":{"pipes":[]}}
        "#]],
    );
    check(
        "2.2/rl_pipe_counter_72B.bin",
        expect![[r#"
            {"dialect":"2.2","length":72,"version":1,"module":"ratelimit","command":0,"name":"RL_PIPE_COUNTER","sender":1,"fields":{"pipes":[{"pipe_name":"p1","algorithm":1,"limit":100,"counter":20},{"pipe_name":"pipe2","algorithm":1,"limit":100,"counter":0}]}}
        "#]],
    );
    check(
        "2.2/dlg_profile_72B.bin",
        expect![[r#"
            {"dialect":"2.2","length":72,"version":1,"module":"dialog","command":4,"name":"DLG_PROFILE","sender":1,"fields":{"profiles":[{"profile_name":"all","has_value":0,"count":1},{"profile_name":"caller","has_value":1,"value":"alice","count":1}]}}
        "#]],
    );
    check(
        "2.2/ul_ucontact_insert_188B.bin",
        expect![[r#"
            {"dialect":"2.2","length":188,"version":1,"module":"ul","command":3,"name":"UL_UCONTACT_INSERT","sender":1,"fields":{"domain":"location","aor":"bob","contact":"sip:bob@127.0.0.1:6000","callid":"reg-bob@interop","user_agent":"sip_load","path":"","attr":"","received":"","instance":"","expires":{"hex":"43af026b00000000"},"q":{"hex":"ffffffff"},"sock":"udp:127.0.0.1:5160","cseq":1,"flags":0,"cflags":0,"methods":-1,"last_modified":{"hex":"ebac026b00000000"}}}
        "#]],
    );
    check(
        "4.0/FULL_TOP_UPDATE_descr_3nodes.bin",
        expect![[r#"
        {"dialect":"2.4","length":149,"version":1,"module":"clusterer-internal","command":3,"name":"FULL_TOP_UPDATE","sender":1,"cluster":1,"fields":{"seq_no":1,"timestamp":1795337467,"nodes":[{"node_id":1,"has_description":0,"ls_seq_no":0,"ls_timestamp":0,"neighbours":[3,2]},{"node_id":2,"has_description":1,"url":"bin:127.0.0.2:5555","sip_addr":"127.0.0.2","priority":3,"no_ping_retries":3,"ls_seq_no":-1,"ls_timestamp":0,"neighbours":[]}],"path":[1]}}
    "#]],
    );
    check(
        "4.0/SYNC_dialog-dlg-repl.bin",
        expect![[r#"
        {"dialect":"2.4","length":504,"version":3,"module":"clusterer-extra","command":11,"name":"SYNC","sender":1,"cluster":1,"destination":3,"fields":{"capability":"dialog-dlg-repl","data_version":4,"chunks":[{"callid":"call7ba8cd1e","from_tag":"ftba5552","to_tag":"uas1","from_uri":"sip:tester@127.0.0.1","to_uri":"sip:bob@127.0.0.1:15090","h_id":1560977762,"start_ts":1795337486,"state":4,"caller_bind_addr_socket":"udp:127.0.0.1:5060","callee_bind_addr_socket":"udp:127.0.0.1:5060","caller_r_cseq":"0","callee_r_cseq":"1","caller_route_set":"","callee_route_set":"","caller_contact":"sip:alice@127.0.0.1:15080","callee_contact":"sip:bob@127.0.0.1:15090","callee_from_uri":"","callee_to_uri":"","caller_in_sdp":"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n","caller_out_sdp":"","callee_in_sdp":"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n","callee_out_sdp":"","caller_adv_contact":"","callee_adv_contact":"","vars":"dlgX_shtag#1#vip|","profiles":"","user_flags":0,"mod_flags":0,"flags":24592,"expiry_unix_time":1795380686,"caller_last_gen_cseq":0,"callee_last_gen_cseq":0,"rt_on_answer":"","rt_on_timeout":"","rt_on_hangup":""}]}}
    "#]],
    );
}

#[test]
fn a_renamed_pipe_makes_a_packet_of_the_right_length() {
    for (path, old) in
        [("2.2/rl_pipe_counter_96B.bin", "inv_fwd1"), ("4.0/RL_PIPE_COUNTER_count.bin", "rl-alpha")]
    {
        let before = packet(path);
        for new in ["x", "a-much-longer-name-than-before"] {
            let renamed = encode(&decode(&before).replace(old, new));
            assert_eq!(renamed.len(), before.len() + new.len() - old.len());
            let declared = usize::from(u16::from_le_bytes([renamed[4], renamed[5]]));
            assert_eq!(declared, renamed.len());
            let json = decode(&renamed);
            assert!(json.contains(&format!("\"length\":{}", renamed.len())), "{json}");
            assert!(json.contains(&format!("{{\"pipe_name\":\"{new}\",")), "{json}");
            assert_eq!(encode(&json.replace(new, old)), before);
        }
    }
}

/// Counts of lists and sizes of chunks follow what is in them.
#[test]
fn counts_and_sizes_are_computed() {
    let pong = packet("4.0/PONG_list.bin");
    let longer = encode(&decode(&pong).replace("[2]", "[2,3,4]"));
    assert_eq!(longer.len(), pong.len() + 8);
    assert!(decode(&longer).contains("\"nodes\":[2,3,4]"));

    let sync = packet("4.0/SYNC_dialog-dlg-repl.bin");
    let shorter = encode(&decode(&sync).replace("call7ba8cd1e", "call"));
    assert_eq!(shorter.len(), sync.len() - 8);
    assert_eq!(shorter[0x34..0x38], 424_i32.to_le_bytes());
    assert!(decode(&shorter).contains("\"chunks\":[{\"callid\":\"call\","));
}

#[test]
fn objects_may_be_laid_out_in_any_way() {
    let pipe = packet("2.2/rl_pipe_counter_51B.bin");
    let line = decode(&pipe);
    let pretty = line.trim_end().replace(',', ",\n  ").replace('{', "{\n").replace('}', "\n}");
    assert_eq!(encode(&pretty), pipe);
    let twice = [line.trim_end(), line.trim_end()].concat();
    assert_eq!(encode(&twice), [&pipe[..], &pipe].concat());
    assert_eq!(encode(&format!("\n\n{pretty}\n\n{line}")), [&pipe[..], &pipe].concat());
    assert_eq!(encode(""), b"");
    // The order of keys, and what is only shown, are no matter.
    let least = r#"{"fields":{"pipes":[{"counter":0,"limit":100,"algorithm":1,"pipe_name":"p1"}]},
        "sender":1,"command":0,"module":"ratelimit","dialect":"2.2"}"#;
    assert_eq!(encode(least), pipe);
    let wrong_length = line.replace("\"length\":51", "\"length\":7");
    assert_eq!(encode(&wrong_length), pipe);
}

#[test]
fn strings_that_are_no_text_come_back() {
    let names: [&[u8]; 6] =
        [b"\x00\x01\x02", b"\x01\x1b[31m\x7f\r\n\t", b"\xff\xfe", "žluť".as_bytes(), b"\"\\", b""];
    let base = decode(&packet("2.2/rl_pipe_counter_51B.bin"));
    for name in names {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let given = base.replace("\"p1\"", &format!("{{\"hex\":\"{hex}\"}}"));
        let bytes = encode(&given);
        assert_eq!(bytes[0x25..0x25 + name.len()], *name);
        assert_eq!(encode(&decode(&bytes)), bytes);
    }
    let json = decode(&encode(&base.replace("\"p1\"", "{\"hex\":\"ff\"}")));
    assert!(json.contains(r#"{"pipe_name":{"hex":"ff"},"#), "{json}");
    let json = decode(&encode(&base.replace("p1", "\\u001b\\n")));
    assert!(json.contains(r#"{"pipe_name":"\u001b\n","#), "{json}");
}

/// 2.2 leaves out the lengths of trailing empty strings: they are shown, and the zero words too.
#[test]
fn uncounted_strings_zero_words_and_unset_header_bytes_come_back() {
    let deleted = r#"{"dialect":"2.2","module":"dialog","command":3,"sender":1,"fields":
        {"callid":"call","from_tag":"","to_tag":""},"uncounted":2,"zeros_after":2,"reserved":"0102a0ff"}"#;
    let bytes = encode(&(deleted.to_owned() + &decode(&packet("2.2/rl_pipe_counter_33B.bin"))));
    assert_eq!(bytes.len(), 38 + 8 + 33);
    let json = decode(&bytes);
    expect![[r#"
        {"dialect":"2.2","length":38,"version":1,"module":"dialog","command":3,"name":"DLG_DELETED","sender":1,"fields":{"callid":"call","from_tag":"","to_tag":""},"reserved":"0102a0ff","uncounted":2,"zeros_after":2}
        {"dialect":"2.2","length":33,"version":1,"module":"ratelimit","command":0,"name":"RL_PIPE_COUNTER","sender":1,"fields":{"pipes":[]}}
    "#]].assert_eq(&json);
    assert_eq!(encode(&json), bytes);
}

#[test]
fn bodies_of_unknown_packets_are_hex() {
    let unknown = r#"{"dialect":"2.2","module":"billing","command":9,"sender":3,"body":"00ff10"}"#;
    let bytes = encode(unknown);
    assert_eq!(bytes[bytes.len() - 3..], [0, 0xff, 0x10]);
    let json = decode(&bytes);
    expect![[r#"
        {"dialect":"2.2","length":34,"version":1,"module":"billing","command":9,"sender":3,"body":"00ff10"}
    "#]].assert_eq(&json);
    assert_eq!(encode(&json), bytes);
    // A known packet of a version whose fields may be others.
    let old = packet("4.0/DLG_CREATED.bin");
    let json = decode(&old).replace("\"version\":4", "\"version\":3");
    let mut bytes = old.clone();
    bytes[8] = 3;
    let json_of_old = decode(&bytes);
    assert!(json_of_old.contains("\"body\":\"0c0063616c6c"), "{json_of_old}");
    assert_eq!(encode(&json_of_old), bytes);
    let expected = expect![[r#"
        clustererctl: standard input: object 1: the fields of a 2.4 packet of module dialog-dlg-repl, command 1, version 3 are not known: give its body in hex
    "#]];
    refused(&["bin", "encode"], json.as_bytes(), 1, &expected);
}

#[test]
fn bodies_that_do_not_follow_their_layout_are_hex_and_say_why() {
    let mut pipe = packet("2.2/rl_pipe_counter_51B.bin");
    pipe[0x21] = 200;
    let json = decode(&pipe);
    expect![[r#"
        {"dialect":"2.2","length":51,"version":1,"module":"ratelimit","command":0,"name":"RL_PIPE_COUNTER","sender":1,"body":"c80000007031010000006400000000000000","problem":"at byte 37: a field of 200 bytes where only 14 are left"}
    "#]].assert_eq(&json);
    assert_eq!(encode(&json), pipe);
}

#[test]
fn bytes_behind_the_fields_are_left_over() {
    let ping = decode(&packet("4.0/PING_req0.bin"));
    let longer = encode(&ping.trim_end().replace("}}", "},\"left_over\":\"0badcafe\"}"));
    assert_eq!(longer.len(), 50);
    let json = decode(&longer);
    assert!(
        json.contains("\"fields\":{\"req_node_list\":0},\"left_over\":\"0badcafe\"}"),
        "{json}"
    );
    assert_eq!(encode(&json), longer);
}

#[test]
fn what_is_no_stream_of_packets() {
    let check = |bytes: &[u8], expected: Expect| {
        refused(&["bin", "decode", "-"], bytes, 1, &expected);
    };
    check(
        b"",
        expect![[r#"
        clustererctl: standard input: it is empty
    "#]],
    );
    check(
        b"GET / HTTP/1.1\r\n\r\n",
        expect![[r#"
        clustererctl: standard input: not a stream of packets, in either dialect: at byte 0: no BIN packet: it begins with "GET ", not "P4CK"
    "#]],
    );
    let pipe = packet("2.2/rl_pipe_counter_51B.bin");
    check(
        &pipe[..50],
        expect![[r#"
        clustererctl: standard input: not a stream of packets, in either dialect: at byte 0: a packet takes at least 51 bytes, 50 are left
    "#]],
    );
    check(
        &[&pipe[..], b"P4"].concat(),
        expect![[r#"
        clustererctl: standard input: not a stream of packets; as 2.2: at byte 51: a packet takes at least 4 bytes, 2 are left; as 2.4: in the packet at byte 0: the capability has no name
    "#]],
    );
    let ping = packet("4.0/PING_req0.bin");
    // Two dialects in one stream, either way.
    check(
        &[&pipe[..], &ping].concat(),
        expect![[r#"
        clustererctl: standard input: not a stream of packets; as 2.2: in the packet at byte 51: at byte 16: a field of 1937075299 bytes where only 30 are left; as 2.4: in the packet at byte 0: the capability has no name
    "#]],
    );
    check(
        &[&ping[..], &pipe].concat(),
        expect![[r#"
        clustererctl: standard input: not a stream of packets; as 2.2: in the packet at byte 0: at byte 16: a field of 1937075299 bytes where only 30 are left; as 2.4: in the packet at byte 46: the capability has no name
    "#]],
    );
    check(
        &[&pipe[..], &[0; 4], b"P5CK"].concat(),
        expect![[r#"
        clustererctl: standard input: not a stream of packets; as 2.2: at byte 55: no BIN packet: it begins with "P5CK", not "P4CK"; as 2.4: in the packet at byte 0: the capability has no name
    "#]],
    );
    check(
        &[&pipe[..], &[0; 4 * 33]].concat(),
        expect![[r#"
        clustererctl: standard input: not a stream of packets; as 2.2: at byte 51: too many zero words after a packet; as 2.4: in the packet at byte 0: the capability has no name
    "#]],
    );
    check(
        &[&ping[..], &[0; 4]].concat(),
        expect![[r#"
        clustererctl: standard input: not a stream of packets; as 2.2: in the packet at byte 0: at byte 16: a field of 1937075299 bytes where only 30 are left; as 2.4: at byte 46: no BIN packet: it begins with "\x00\x00\x00\x00", not "P4CK"
    "#]],
    );
    let only = expect![[r#"
        clustererctl: standard input: not a stream of packets; as 2.4: in the packet at byte 0: the capability has no name
    "#]];
    refused(&["bin", "decode", "--dialect", "2.4", "-"], &pipe, 1, &only);
}

/// A bad file is named, and does not keep the others from being shown.
#[test]
fn each_bad_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    };
    file("good", &packet("2.2/rl_pipe_counter_33B.bin"));
    file("bad", b"P4CK\x05\0\0\0");
    let assert = ctl()
        .current_dir(folder.path())
        .args(["bin", "decode", "absent", "bad", "good"])
        .assert()
        .code(1);
    let output = assert.get_output();
    assert_eq!(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), 1);
    let complaints = String::from_utf8(output.stderr.clone()).unwrap();
    expect![[r#"
        clustererctl: absent: No such file or directory (os error 2)
        clustererctl: bad: not a stream of packets, in either dialect: at byte 0: packet length 5 is less than a header takes
    "#]].assert_eq(&complaints);
}

#[test]
fn json_that_is_no_packet() {
    let check = |json: &str, expected: Expect| {
        refused(&["bin", "encode"], json.as_bytes(), 1, &expected);
    };
    let good = decode(&packet("2.2/rl_pipe_counter_51B.bin"));
    // What is before the bad object is not written either.
    check(
        &format!("{good}{{\"dialect\":\n  7}}"),
        expect![[r#"
        clustererctl: standard input: object 2: expected value at line 3 column 3
    "#]],
    );
    check(
        &good.replace("\"limit\":100", "\"limit\":\"100\""),
        expect![[r#"
        clustererctl: standard input: object 1: fields: pipes[0].limit: must be an integer
    "#]],
    );
    check(
        &good.replace("\"limit\":100", "\"limit\":4294967296"),
        expect![[r#"
        clustererctl: standard input: object 1: 4294967296 does not fit an integer of 32 bits at line 1 column 179
    "#]],
    );
    check(
        &good.replace("\"limit\":100,", ""),
        expect![[r#"
        clustererctl: standard input: object 1: fields: pipes[0].limit: the field is missing
    "#]],
    );
    check(
        &good.replace("\"limit\"", "\"limits\""),
        expect![[r#"
        clustererctl: standard input: object 1: fields: pipes[0].limit: the field is missing
    "#]],
    );
    check(
        &good.replace("\"limit\":100", "\"limit\":100,\"burst\":1"),
        expect![[r#"
        clustererctl: standard input: object 1: fields: pipes[0].burst: the packet has no such field here
    "#]],
    );
    check(
        &good.replace("\"limit\":100", "\"limit\":1,\"limit\":2"),
        expect![[r#"
        clustererctl: standard input: object 1: limit is given twice at line 1 column 178
    "#]],
    );
    check(
        &good.replace("\"p1\"", "{\"hex\":\"f\"}"),
        expect![[r#"
        clustererctl: standard input: object 1: not hex: two digits a byte are expected at line 1 column 153
    "#]],
    );
    check(
        &good.replace("\"sender\":1,", ""),
        expect![[r#"
        clustererctl: standard input: object 1: missing field `sender` at line 1 column 177
    "#]],
    );
    check(
        &good.replace("\"sender\":1", "\"sender\":1,\"cluster\":1"),
        expect![[r#"
        clustererctl: standard input: object 1: cluster: this 2.2 packet has none
    "#]],
    );
    check(
        &good.replace("\"command\":0", "\"command\":5"),
        expect![[r#"
        clustererctl: standard input: object 1: the fields of a 2.2 packet of module ratelimit, command 5, version 1 are not known: give its body in hex
    "#]],
    );
    check(
        &good.replace("\"fields\"", "\"body\":\"\",\"fields\""),
        expect![[r#"
        clustererctl: standard input: object 1: it has fields and body: only one of them can be written
    "#]],
    );
    let long = "x".repeat(65_536);
    check(
        &good.replace("p1", &long),
        expect![[r#"
        clustererctl: standard input: object 1: the packet would be longer than 65535 bytes
    "#]],
    );
    check(
        &good.replace("\"sender\":1", "\"sender\":1,\"zeros_after\":33"),
        expect![[r#"
        clustererctl: standard input: object 1: zeros_after: more than 32 zero words end a stream
    "#]],
    );
    let later = decode(&packet("4.0/RL_PIPE_COUNTER_count.bin"));
    check(
        &later.replace("\"destination\":3,", ""),
        expect![[r#"
        clustererctl: standard input: object 1: destination: it is missing
    "#]],
    );
    check(
        &later.replace("rl-alpha", &long),
        expect![[r#"
        clustererctl: standard input: object 1: the packet would be longer than 65515 bytes
    "#]],
    );
}

#[test]
fn wrong_command_lines_end_with_2() {
    for args in [&["bin"][..], &["bin", "decode"], &["bin", "encode", "x"], &["nonsense"], &[]] {
        ctl().args(args).assert().code(2);
    }
    ctl().args(["bin", "decode", "--dialect", "9", "-"]).assert().code(2);
}

/// Inputs have an end: this one, of zeros without end, is not read to it.
#[test]
fn inputs_are_bounded() {
    let expected = expect![[r#"
        clustererctl: /dev/zero: more than 64 MiB: give it in parts
    "#]];
    refused(&["bin", "decode", "/dev/zero"], b"", 1, &expected);
}

/// A reader that has seen enough (`| head`) is no error.
#[test]
fn a_closed_pipe_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream");
    std::fs::write(&file, packet("2.2/rl_pipe_counter_96B.bin").repeat(5_000)).unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("clustererctl"))
        .args(["bin", "decode"])
        .arg(&file)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stderr.is_empty());
}
