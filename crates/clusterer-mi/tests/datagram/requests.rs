//! Both forms, and what 4.0 was seen to answer.

use clusterer_mi::DatagramAddress;

use crate::support::{Bench, KINDS, Kind};
use crate::waiting::until;

#[test]
fn the_text_form() {
    for kind in KINDS {
        let bench = Bench::new(kind);
        let client = bench.client();
        for (request, reply) in [
            (":echo:\n1\n two \nname::\"3\"\n", "200 OK\nArg:: 1\nArg:: two\nArg:: 3\n\n"),
            (":echo:", "200 OK\n\n"),
            (":echo:reply\n1\n\n", "200 OK\nArg:: 1\n\n"),
            (":help:\n", "400 Too few or too many arguments\n\n"),
            (":help:\nnope\n", "404 Command not found\n\n"),
            (":nope:\n", "500 command not available\n"),
            (":break:\n", "500 command failed\n"),
            (":echo:\n\"\"\n", "400 parse error in command\n"),
            (":\n", "400 parse error in command\n"),
        ] {
            assert_eq!(client.ask(request), reply, "{kind:?} {request:?}");
        }
    }
}

/// What a 4.0 node was seen to answer, and what we do where it died.
#[test]
fn the_transcript_of_4_0() {
    let transcript = include_str!("../transcripts/jsonrpc-4.0/dgram.txt");
    for kind in KINDS {
        let bench = Bench::new(kind);
        let client = bench.client();
        let mut seen = 0;
        for case in transcript.split(">>> ").skip(1) {
            let (request, reply) = case.split_once("\n<<< ").unwrap();
            let (reply, _) = reply.split_once('\n').unwrap();
            let expected = match request {
                // It died.
                r#"{"jsonrpc":"2.0","id":1}"# => {
                    r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":1}"#
                }
                r#"[{"jsonrpc":"2.0","method":"uptime","id":1}]"# => {
                    r#"[{"jsonrpc":"2.0","result":{"Now":"*","Up since":"*","Up time":"*"},"id":1}]"#
                }
                _ => reply,
            };
            match expected {
                "" => {
                    client.send(request);
                    assert!(client.has_no_reply(), "{kind:?} {request}");
                }
                expected => assert_eq!(client.ask(request), expected, "{kind:?} {request}"),
            }
            seen += 1;
        }
        assert_eq!(seen, 10);
    }
}

/// As opensips-cli sends it, blanks included.
#[test]
fn json_as_clients_write_it() {
    for kind in KINDS {
        let bench = Bench::new(kind);
        let request =
            r#"{"jsonrpc": "2.0", "id": "25086", "method": "note", "params": {"value": "vip/1"}}"#;
        assert_eq!(bench.ask(request), r#"{"jsonrpc":"2.0","result":"OK","id":"25086"}"#);
        assert_eq!(bench.ask(&format!("\n {request}\n")), bench.ask(request));
        assert_eq!(bench.ran(), ["note vip/1"; 3]);
    }
}

#[test]
fn notifications_run_unanswered() {
    for kind in KINDS {
        let bench = Bench::new(kind);
        let client = bench.client();
        client.send(r#"{"jsonrpc":"2.0","method":"note","params":[1]}"#);
        assert!(client.has_no_reply());
        assert_eq!(bench.ran(), ["note 1"]);
    }
}

#[test]
fn a_unix_client_without_an_address_is_obeyed_and_not_answered() {
    let bench = Bench::new(Kind::Unix);
    let DatagramAddress::Unix(path) = bench.address() else { panic!("no path") };
    let nobody = std::os::unix::net::UnixDatagram::unbound().unwrap();
    nobody.send_to(b":note:\n1\n", path).unwrap();
    nobody.send_to(b"garbage", path).unwrap();
    until("it has run", || bench.ran() == ["note 1"]);
    assert_eq!(bench.ask(":echo:"), "200 OK\n\n");
}

#[test]
fn an_abstract_unix_client_is_answered() {
    use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketType, bind, sendto, socket};

    let bench = Bench::new(Kind::Unix);
    let DatagramAddress::Unix(path) = bench.address() else { panic!("no path") };
    let client = socket(AddressFamily::UNIX, SocketType::DGRAM, None).unwrap();
    let name = format!("clusterer-mi-test-{}", std::process::id());
    bind(&client, &SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap()).unwrap();
    let server = SocketAddrUnix::new(path.as_path()).unwrap();
    sendto(&client, b":echo:", SendFlags::empty(), &server).unwrap();
    let client = std::os::unix::net::UnixDatagram::from(client);
    client.set_read_timeout(Some(crate::waiting::LONG)).unwrap();
    let mut buffer = [0; 100];
    let length = client.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"200 OK\n\n");
}

#[test]
fn requests_of_one_client_run_in_their_order() {
    for kind in KINDS {
        let bench = Bench::new(kind);
        let client = bench.client();
        client.send(":slow:\n1\n");
        client.send(r#"{"jsonrpc":"2.0","method":"note","params":[2]}"#);
        client.send(":slow:\n3\n");
        client.send(":note:\n4\n");
        until("all have run", || bench.ran().len() == 4);
        assert_eq!(bench.ran(), ["slow 1", "note 2", "slow 3", "note 4"]);
    }
}
