//! What a program answers to a GET.

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use super::body::Body;

/// A response: a status, a type of content, a body, and headers if need be.
///
/// Unless they are set otherwise, a response has headers that let no browser store it, show it inside
/// another page, or load anything because of it.
///
/// ```
/// use clusterer_mi::HttpResponse;
///
/// let page = HttpResponse::new("text/html; charset=utf-8", "<!doctype html><title>Hello</title>")
///     .with_header("content-security-policy", "default-src 'self'; frame-ancestors 'none'");
/// let missing = HttpResponse::text(404, "There is no such cluster.");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpResponse {
    status: u16,
    content_type: &'static str,
    body: Bytes,
    headers: Vec<(&'static str, String)>,
}

/// The headers that every response has.
const DEFAULTS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

impl HttpResponse {
    /// A response with status 200.
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status: 200, content_type, body: body.into(), headers: Vec::new() }
    }

    /// A line of plain text, to which a line feed is added.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        Self::new("text/plain; charset=utf-8", text).with_status(status)
    }

    /// JSON, with status 200.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new("application/json", body)
    }

    /// Sets the status, 200 to 599. Anything else becomes a 500 without the body.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets a header, in place of a default one of that name. One that cannot stand in HTTP turns the
    /// response into a 500 without the body.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn not_allowed(allow: &str) -> Self {
        Self::text(405, format!("This is for {allow} only.")).with_header(ALLOW.as_str(), allow)
    }

    pub(super) fn into_http(self, wrap: impl FnOnce(Bytes) -> Body) -> Response<Body> {
        let Self { status, content_type, body, headers } = self;
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()));
        let headers: Result<Vec<_>, ()> = headers
            .into_iter()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(drop)?;
                Ok((name, HeaderValue::try_from(value).map_err(drop)?))
            })
            .collect();
        let content_type = HeaderValue::try_from(content_type).ok();
        let mut response = match (status, headers, content_type) {
            (Some(status), Ok(headers), Some(content_type)) => {
                let mut response = Response::new(wrap(body));
                *response.status_mut() = status;
                response.headers_mut().insert(CONTENT_TYPE, content_type);
                response.headers_mut().extend(headers);
                response
            }
            _ => {
                let mut response = Response::new(wrap(Bytes::new()));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        };
        for (name, value) in DEFAULTS {
            response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(response: HttpResponse) -> Response<Body> {
        response.into_http(Body::detached)
    }

    #[test]
    fn what_the_program_sets_replaces_a_default() {
        let response = made(
            HttpResponse::json("{}")
                .with_header("Cache-Control", "max-age=60")
                .with_header("X-Other", "1"),
        );
        let header = |name| response.headers().get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(header("cache-control"), ["max-age=60"]);
        assert_eq!(header("x-content-type-options"), ["nosniff"]);
        assert_eq!(header("x-other"), ["1"]);
        assert_eq!(header("content-type"), ["application/json"]);
    }

    #[test]
    fn what_cannot_stand_in_http_is_a_500() {
        for response in [
            HttpResponse::json("{}").with_status(99),
            HttpResponse::json("{}").with_status(101),
            HttpResponse::json("{}").with_status(600),
            HttpResponse::json("{}").with_header("two words", "1"),
            HttpResponse::json("{}").with_header("a", "1\r\nb: 2"),
            HttpResponse::new("a\nb", "{}"),
        ] {
            let response = made(response);
            assert_eq!(response.status(), 500);
            assert_eq!(response.headers().get("b"), None);
        }
    }
}
