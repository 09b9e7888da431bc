use hyper::Request;

use super::*;

const TOKEN: &str = "0123456789abcdef";

fn config(listen: &str) -> HttpConfig {
    HttpConfig::new(listen.parse().unwrap())
}

fn head(method: Method, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn status(refused: Result<(), HttpResponse>) -> u16 {
    let ok = HttpResponse::text(200, "");
    let response = refused.err().unwrap_or(ok).into_http(crate::http::body::Body::detached);
    response.status().as_u16()
}

/// The status of a POST with these headers.
fn origin(config: &HttpConfig, headers: &[(&str, &str)]) -> u16 {
    status(Access::new(config).check_origin(&head(Method::POST, "/mi", headers)))
}

#[test]
fn on_loopback_only_local_names_are_answered() {
    let mut config = config("127.0.0.1:8888");
    config.hosts = vec!["Node-A.example".into()];
    for (host, expected) in [
        ("127.0.0.1:8888", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:80", 200),
        ("localhost:8888", 200),
        ("LOCALHOST.", 200),
        ("[::1]:8888", 200),
        ("node-a.example:8888", 200),
        ("evil.example:8888", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.0.2.5:8888", 421),
        ("[2001:db8::1]:8888", 421),
        ("", 400),
        ("a b", 400),
    ] {
        assert_eq!(origin(&config, &[("host", host)]), expected, "{host}");
    }
    assert_eq!(origin(&config, &[]), 400);
    assert_eq!(origin(&config, &[("host", "localhost"), ("host", "localhost")]), 400);
}

#[test]
fn elsewhere_every_name_is_answered_unless_some_are_listed() {
    let mut config = config("192.0.2.5:8888");
    assert_eq!(origin(&config, &[("host", "anything.example")]), 200);
    config.hosts = vec!["node-a".into()];
    assert_eq!(origin(&config, &[("host", "anything.example")]), 421);
    assert_eq!(origin(&config, &[("host", "node-a:8888")]), 200);
    assert_eq!(origin(&config, &[("host", "192.0.2.5:8888")]), 200);
    assert_eq!(origin(&config, &[("host", "localhost")]), 421);
}

/// Whoever asks by an address was led to it by nobody's name.
#[test]
fn on_all_addresses_each_of_them_is_answered_beside_the_listed_names() {
    for listen in ["0.0.0.0:8888", "[::]:8888"] {
        let mut config = config(listen);
        config.hosts = vec!["node-a".into()];
        for (host, expected) in [
            ("node-a:8888", 200),
            ("127.0.0.1:8888", 200),
            ("192.0.2.5:8888", 200),
            ("[2001:db8::1]:8888", 200),
            ("localhost:8888", 200),
            ("anything.example", 421),
            ("127.0.0.1.anything.example", 421),
        ] {
            assert_eq!(origin(&config, &[("host", host)]), expected, "{listen} {host}");
        }
    }
}

#[test]
fn a_url_in_the_first_line_counts_instead_of_the_host() {
    let access = Access::new(&config("127.0.0.1:8888"));
    let ask = |uri| status(access.check_origin(&head(Method::POST, uri, &[("host", "localhost")])));
    assert_eq!(ask("http://127.0.0.1:8888/mi"), 200);
    assert_eq!(ask("http://evil.example/mi"), 421);
}

#[test]
fn http_1_0_may_have_no_host() {
    let mut head = head(Method::POST, "/mi", &[]);
    head.version = hyper::Version::HTTP_10;
    let access = Access::new(&config("127.0.0.1:8888"));
    assert_eq!(status(access.check_origin(&head)), 200);
    head.headers.insert(ORIGIN, HeaderValue::from_static("http://localhost"));
    assert_eq!(status(access.check_origin(&head)), 403);
}

#[test]
fn an_origin_is_that_of_the_host() {
    let config = config("127.0.0.1:8888");
    for (host, page, expected) in [
        ("localhost:8888", "http://localhost:8888", 200),
        ("localhost:8888", "HTTP://LOCALHOST:8888", 200),
        ("localhost", "http://localhost", 200),
        ("localhost", "http://localhost:80", 200),
        ("localhost", "https://localhost", 200),
        ("localhost:443", "https://localhost", 200),
        ("localhost:8888", "http://localhost:3000", 403),
        ("localhost:8888", "http://127.0.0.1:8888", 403),
        ("localhost:8888", "http://evil.example", 403),
        ("localhost:8888", "http://localhost:8888.evil.example", 403),
        ("localhost:8888", "null", 403),
        ("localhost:8888", "file://", 403),
        ("localhost:8888", "ftp://localhost:8888", 403),
        ("localhost:8888", "localhost:8888", 403),
        ("localhost:8888", "", 403),
    ] {
        let found = origin(&config, &[("host", host), ("origin", page)]);
        assert_eq!(found, expected, "{host} {page}");
    }
    let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil")];
    assert_eq!(origin(&config, &twice), 403);
}

#[test]
fn only_a_link_may_lead_here_from_another_site() {
    let access = Access::new(&config("127.0.0.1:8888"));
    for (method, site, mode, expected) in [
        (Method::POST, "same-origin", "cors", 200),
        (Method::POST, "none", "navigate", 200),
        (Method::POST, "same-site", "cors", 403),
        (Method::POST, "cross-site", "no-cors", 403),
        (Method::POST, "cross-site", "navigate", 403),
        (Method::GET, "cross-site", "navigate", 200),
        (Method::HEAD, "cross-site", "navigate", 200),
        (Method::GET, "cross-site", "no-cors", 403),
        (Method::GET, "same-site", "cors", 403),
        (Method::GET, "same-origin", "cors", 200),
        (Method::GET, "whatever", "cors", 403),
    ] {
        let headers = [("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
        let found = status(access.check_origin(&head(method.clone(), "/", &headers)));
        assert_eq!(found, expected, "{method} {site} {mode}");
    }
}

#[test]
fn where_a_token_is_needed() {
    let right = format!("Bearer {TOKEN}");
    let wrong = format!("Bearer {TOKEN}x");
    let other = format!("Basic {TOKEN}");
    for (listen, token, method, given, expected) in [
        ("127.0.0.1:1", false, Method::POST, None, 200),
        ("127.0.0.1:1", true, Method::POST, None, 401),
        ("127.0.0.1:1", true, Method::PUT, None, 401),
        ("127.0.0.1:1", true, Method::GET, None, 200),
        ("127.0.0.1:1", true, Method::POST, Some(right.as_str()), 200),
        ("127.0.0.1:1", true, Method::POST, Some(wrong.as_str()), 401),
        ("127.0.0.1:1", true, Method::POST, Some(other.as_str()), 401),
        ("127.0.0.1:1", true, Method::POST, Some(TOKEN), 401),
        ("127.0.0.1:1", true, Method::POST, Some("Bearer"), 401),
        ("0.0.0.0:1", true, Method::GET, None, 401),
        ("0.0.0.0:1", true, Method::HEAD, None, 401),
        ("0.0.0.0:1", true, Method::GET, Some(right.as_str()), 200),
        ("192.0.2.5:1", true, Method::POST, Some("bearer  0123456789abcdef"), 200),
        ("192.0.2.5:1", false, Method::POST, None, 200),
    ] {
        let mut config = config(listen);
        config.token = token.then(|| Token::new(TOKEN).unwrap());
        let headers: Vec<_> = given.iter().map(|given| ("authorization", *given)).collect();
        let head = head(method.clone(), "/mi", &headers);
        let found = status(Access::new(&config).check_token(&head));
        assert_eq!(found, expected, "{listen} {token} {method} {given:?}");
    }
}

#[test]
fn only_json_is_taken() {
    for (kind, expected) in [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/json ;charset=\"UTF-8\"", 200),
        ("text/plain", 415),
        ("text/plain; a=application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data", 415),
        ("application/jsonp", 415),
        ("application/json; x=y", 415),
        ("application/json,text/plain", 415),
        ("", 415),
    ] {
        let head = head(Method::POST, "/mi", &[("content-type", kind)]);
        assert_eq!(status(check_json(&head.headers)), expected, "{kind}");
    }
    assert_eq!(status(check_json(&HeaderMap::new())), 415);
}
