//! Each status, and what brings it about.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clusterer_mi::{HttpConfig, HttpError, HttpResponse, HttpServer, Token};

use crate::support::{Bench, TOKEN, VERSION, get, hello, post, post_with, read_answer};

fn pages(server: HttpServer) -> HttpServer {
    server
        .get("/hello", hello)
        .get("/panic", || async { panic!("on purpose") })
        .get("/panic-at-once", || -> std::future::Ready<HttpResponse> { panic!("on purpose") })
        .get("/hang", std::future::pending)
        .get("/own", || async {
            HttpResponse::new("text/html", "<p>").with_header("cache-control", "max-age=5")
        })
        .asset("/app.js", HttpResponse::new("text/javascript", "1"))
}

#[test]
fn every_status() {
    let bench = Bench::with(|config| config.command_timeout = Duration::from_millis(200), pages);
    let json = "Content-Type: application/json\r\n";
    for (status, request) in [
        (200, post(VERSION)),
        (200, post("garbage")),
        (200, post("[]")),
        (200, post_with(VERSION, &format!("{json}Origin: http://localhost\r\n"))),
        (202, post(r#"{"jsonrpc":"2.0","method":"version"}"#)),
        (400, post("")),
        (400, "POST /mi HTTP/1.1\r\n\r\n".into()),
        (400, "garbage\r\n\r\n".into()),
        (400, "GET / HTTP/9.9\r\n\r\n".into()),
        (403, post_with(VERSION, &format!("{json}Origin: http://evil.example\r\n"))),
        (403, post_with(VERSION, &format!("{json}Sec-Fetch-Site: cross-site\r\n"))),
        (404, get("/")),
        (404, get("/mi/more")),
        (404, get("/../etc/passwd")),
        (405, get("/mi")),
        (405, "DELETE /mi HTTP/1.1\r\nHost: localhost\r\n\r\n".into()),
        (405, "OPTIONS /mi HTTP/1.1\r\nHost: localhost\r\n\r\n".into()),
        (405, "POST /hello HTTP/1.1\r\nHost: localhost\r\n\r\n".into()),
        (405, "POST /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n".into()),
        (405, "POST /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".into()),
        (404, "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n".into()),
        (
            413,
            "POST /mi HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
               Content-Length: 1048577\r\n\r\n"
                .into(),
        ),
        (415, post_with(VERSION, "Content-Type: text/plain\r\n")),
        (415, post_with(VERSION, "")),
        (421, "GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n".into()),
        (200, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n".into()),
        (200, get("/hello")),
        (200, get("/hello?a=b")),
        (200, get("/app.js")),
        (500, get("/panic")),
        (500, get("/panic-at-once")),
        (500, get("/hang")),
    ] {
        let answer = bench.ask(&request);
        assert_eq!(answer.status, status, "{request}\n{answer:?}");
    }
    bench.assert_serves();
}

#[test]
fn a_405_says_what_is_allowed() {
    let bench = Bench::with(|_| {}, |server| server.get("/mi", hello).get("/hello", hello));
    let allow = |path: &str| {
        let answer = bench.ask(format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert_eq!(answer.status, 405);
        answer.header("allow").unwrap().to_owned()
    };
    assert_eq!(allow("/mi"), "GET, HEAD, POST");
    assert_eq!(allow("/hello"), "GET, HEAD");
    assert_eq!(allow("/readyz"), "GET, HEAD");
    assert_eq!(bench.ask(get("/mi")).body, "hello\n");
    bench.assert_serves();
}

#[test]
fn a_command_that_panics_or_hangs_has_failed() {
    let bench = Bench::configured(|config| config.command_timeout = Duration::from_millis(100));
    for name in ["panic", "hang"] {
        let answer = bench.call(&format!(r#"{{"jsonrpc":"2.0","method":"{name}","id":7}}"#));
        assert_eq!(answer.status, 200);
        let failed = r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Command failed"},"id":7}"#;
        assert_eq!(answer.body, failed);
    }
    bench.assert_serves();
}

#[test]
fn a_batch_that_hangs_takes_no_longer_than_a_command_and_a_second() {
    let bench = Bench::configured(|config| config.command_timeout = Duration::from_millis(300));
    let hang = r#"{"jsonrpc":"2.0","method":"hang","id":1}"#;
    let since = Instant::now();
    let answer = bench.call(&format!("[{}]", vec![hang; 64].join(",")));
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("Batch took too long"), "{}", answer.body);
    // One after the other they would take 19 seconds.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    bench.assert_serves();
}

#[test]
fn no_answer_can_be_read_framed_or_sniffed_by_others() {
    let bench = Bench::with(|_| {}, pages);
    let requests = [post(VERSION), get("/hello"), get("/app.js"), get("/none"), get("/healthz")];
    for request in requests {
        let answer = bench.ask(&request);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
    }
    assert_eq!(bench.ask(get("/own")).header("cache-control"), Some("max-age=5"));
}

#[test]
fn a_head_has_the_length_and_no_body() {
    let bench = Bench::with(|_| {}, pages);
    let mut stream = bench.connect();
    stream.write_all(b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let head = crate::support::read_head(&mut stream).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("Content-Length: 6\r\n"), "{head}");
    // What comes next is the next answer.
    stream.write_all(get("/hello").as_bytes()).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().body, "hello\n");
}

#[test]
fn readiness_is_the_programs_word() {
    let ready = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&ready);
    let bench = Bench::with(
        |_| {},
        |server| {
            server.ready_when(move || match asked.load(Ordering::Relaxed) {
                true => Ok(()),
                false => Err("stopped".into()),
            })
        },
    );
    let answer = bench.ask(get("/readyz"));
    assert_eq!((answer.status, answer.body.as_str()), (503, "stopped\n"));
    assert_eq!(bench.ask(get("/healthz")).status, 200);
    ready.store(true, Ordering::Relaxed);
    let answer = bench.ask(get("/readyz"));
    assert_eq!((answer.status, answer.body.as_str()), (200, "ready\n"));
}

#[test]
fn with_a_token_nothing_is_run_without_it() {
    let bench = Bench::with(|config| config.token = Some(Token::new(TOKEN).unwrap()), pages);
    let json = "Content-Type: application/json\r\n";
    for (status, header) in [
        (401, String::new()),
        (401, "Authorization: Bearer 0123456789abcdeX\r\n".into()),
        (401, format!("Authorization: Bearer {TOKEN}\r\nAuthorization: Bearer {TOKEN}\r\n")),
        (200, format!("Authorization: Bearer {TOKEN}\r\n")),
    ] {
        let answer = bench.ask(post_with(VERSION, &format!("{json}{header}")));
        assert_eq!(answer.status, status, "{header}");
        if status == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"mi\""));
        }
    }
    // Reading is free on loopback.
    assert_eq!(bench.ask(get("/hello")).status, 200);
}

#[test]
fn beyond_loopback_nothing_is_told_without_the_token() {
    let bench = Bench::with(
        |config| {
            config.listen = ([0, 0, 0, 0], 0).into();
            config.token = Some(Token::new(TOKEN).unwrap());
        },
        |server| pages(server).stream("/events", |sender| async move { sender.closed().await }),
    );
    let status = |path: &str, header: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
        bench.ask(request).status
    };
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for path in ["/hello", "/events", "/none", "/mi"] {
        assert_eq!(status(path, ""), 401, "{path}");
    }
    assert_eq!(status("/hello", &token), 200);
    assert_eq!(status("/none", &token), 404);
    for path in ["/app.js", "/healthz", "/readyz"] {
        assert_eq!(status(path, ""), 200, "{path}");
    }
}

#[test]
fn beyond_loopback_a_token_is_needed_or_a_word() {
    let mut config = HttpConfig::new(([0, 0, 0, 0], 0).into());
    let error = HttpServer::bind(config.clone()).unwrap_err();
    assert!(matches!(error, HttpError::Open { .. }));
    assert!(error.to_string().contains("token"), "{error}");
    config.insecure = true;
    assert!(HttpServer::bind(config.clone()).is_ok());
    config.insecure = false;
    config.token = Some(Token::new(TOKEN).unwrap());
    assert!(HttpServer::bind(config).is_ok());
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    for root in ["", "/mi", "mi/", "a//b", "a b", "mi?", "ä", "healthz", "readyz"] {
        let mut config = HttpConfig::new(([127, 0, 0, 1], 0).into());
        config.root = root.into();
        assert!(matches!(HttpServer::bind(config), Err(HttpError::Root)), "{root}");
    }
    let server = || HttpServer::bind(HttpConfig::new(([127, 0, 0, 1], 0).into())).unwrap();
    assert!(matches!(server().serve(), Err(HttpError::NoRuntime)));
    let taken = server();
    let again = HttpServer::bind(HttpConfig::new(taken.local_address())).unwrap_err();
    assert!(again.to_string().contains(&taken.local_address().to_string()), "{again}");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    for paths in [&["/a", "/a"][..], &["a"], &["/a?b"], &["/healthz"], &[""]] {
        let server = paths.iter().fold(server(), |server, path| server.get(*path, hello));
        assert!(matches!(server.serve(), Err(HttpError::Mount { .. })), "{paths:?}");
    }
}

#[test]
fn who_may_ask_can_be_changed_while_the_server_runs() {
    let bench = Bench::with(|config| config.token = Some(Token::new(TOKEN).unwrap()), pages);
    let access = bench.handle.as_ref().unwrap().access();
    let status = |token: &str, host: &str| {
        let head =
            format!("POST /mi HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
        let length = VERSION.len();
        let rest = format!("Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n");
        bench.ask(format!("{head}{rest}{VERSION}")).status
    };
    let another = "another-token-of-ours";
    assert_eq!((status(TOKEN, "localhost"), status(another, "localhost")), (200, 401));
    access.set_token(Token::new(another).unwrap());
    assert_eq!((status(TOKEN, "localhost"), status(another, "localhost")), (401, 200));

    assert_eq!(status(another, "proxy"), 421);
    access.set_hosts(&["Proxy.".to_owned()]);
    assert_eq!((status(another, "proxy"), status(another, "localhost")), (200, 200));
    access.set_hosts(&[]);
    assert_eq!(status(another, "proxy"), 421);
}

#[test]
fn a_socket_that_was_passed_is_served_if_it_is_the_one_that_is_configured() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let other = HttpConfig::new(([127, 0, 0, 1], 1).into());
    let error = HttpServer::over(other, socket.try_clone().unwrap()).unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    // Nobody accepts yet.
    let mut early = TcpStream::connect(address).unwrap();
    early.write_all(get("/hello").as_bytes()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let server = HttpServer::over(HttpConfig::new(address), socket).unwrap();
    let handle = pages(server).serve().unwrap();
    assert_eq!(read_answer(&mut early).unwrap().status, 200);
    runtime.block_on(handle.shutdown());
}
