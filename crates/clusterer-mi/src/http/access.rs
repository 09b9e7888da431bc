//! Who may ask. A browser sends what any page tells it to, with an address that resolves to whatever
//! that page's owner wants: it is told from a client by what it cannot leave out.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::Method;
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, Uri};

use super::{HttpConfig, HttpResponse};
use crate::Token;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Who may use a running server: a handle that all clones share. What is changed holds for the next
/// request, also on a connection that is there already; answers and streams that have begun go on.
#[derive(Clone, Debug)]
pub struct HttpAccess {
    rules: Arc<RwLock<Arc<Access>>>,
}

impl HttpAccess {
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self { rules: Arc::new(RwLock::new(Arc::new(Access::new(config)))) }
    }

    /// Asks for this token from now on, and for none that was asked for before. There is no way back to
    /// none at all, which would open a server that was not meant to be.
    pub fn set_token(&self, token: Token) {
        self.change(|rules| rules.token = Some(token));
    }

    /// Replaces the further names by which the server may be called ([`HttpConfig::hosts`]).
    pub fn set_hosts(&self, hosts: &[String]) {
        self.change(|rules| rules.hosts = plain_names(hosts));
    }

    /// The rules at this moment.
    pub(super) fn now(&self) -> Arc<Access> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Access)) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut rules));
    }
}

#[derive(Clone, Debug)]
pub(super) struct Access {
    listen: IpAddr,
    /// In lower case.
    hosts: Vec<String>,
    token: Option<Token>,
}

impl Access {
    pub(super) fn new(config: &HttpConfig) -> Self {
        Self {
            listen: config.listen.ip(),
            hosts: plain_names(&config.hosts),
            token: config.token.clone(),
        }
    }

    /// Refuses what was sent to another name than ours, and what another site's page sent.
    pub(super) fn check_origin(&self, head: &Parts) -> Result<(), HttpResponse> {
        let host = self.check_host(head)?;
        let of_our_page = match header(&head.headers, &ORIGIN) {
            Found::Nothing => true,
            Found::One(origin) => match (origin_authority(origin), &host) {
                (Some((origin, port)), Some(host)) => same_place(&origin, host, port),
                _ => false,
            },
            Found::Several => false,
        };
        if of_our_page && fetched_by_us(head) {
            return Ok(());
        }
        Err(HttpResponse::text(403, "A page of another site may not ask this."))
    }

    /// Refuses who does not know the token, where one is needed.
    pub(super) fn check_token(&self, head: &Parts) -> Result<(), HttpResponse> {
        let Some(token) = &self.token else { return Ok(()) };
        if self.listen.is_loopback() && matches!(head.method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        let given = match header(&head.headers, &AUTHORIZATION) {
            Found::One(value) => bearer(value),
            Found::Nothing | Found::Several => None,
        };
        let why = match given {
            Some(given) if token.matches(given) => return Ok(()),
            Some(_) => "This is not the token.",
            None => "This needs a token: send it as \"Authorization: Bearer TOKEN\".",
        };
        let refused = HttpResponse::text(401, why);
        Err(refused.with_header(WWW_AUTHENTICATE.as_str(), "Bearer realm=\"mi\""))
    }

    /// The name by which the server was called. Only HTTP/1.0 may do without.
    fn check_host(&self, head: &Parts) -> Result<Option<Authority>, HttpResponse> {
        let written = match header(&head.headers, &HOST) {
            Found::One(host) => Some(host.to_str().ok().and_then(|host| host.parse().ok())),
            Found::Nothing => None,
            Found::Several => Some(None),
        };
        let host: Authority = match (head.uri.authority(), written) {
            (_, Some(None)) => return Err(HttpResponse::text(400, "The Host header is none.")),
            // A whole URL in the first line counts instead of the header.
            (Some(authority), _) => authority.clone(),
            (None, Some(Some(host))) => host,
            (None, None) if head.version < hyper::Version::HTTP_11 => return Ok(None),
            (None, None) => return Err(HttpResponse::text(400, "There is no Host header.")),
        };
        if self.is_ours(host.host()) {
            return Ok(Some(host));
        }
        let why = "This server is not known by that name: see `hosts` in its configuration.";
        Err(HttpResponse::text(421, why))
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = plain_name(host);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_free = self.hosts.is_empty() && !self.listen.is_loopback();
        if is_free || self.hosts.contains(&name) {
            return true;
        }
        let is_local = name == "localhost" || address.is_some_and(|it| it.is_loopback());
        match self.listen {
            listen if listen.is_loopback() => is_local,
            // Each address that leads here is ours, and no name had a say in it.
            listen if listen.is_unspecified() => is_local || address.is_some(),
            listen => address == Some(listen),
        }
    }
}

/// Refuses a body that a page could have sent without being asked whether it may.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), HttpResponse> {
    let is_json = match header(headers, &CONTENT_TYPE) {
        Found::One(value) => value.to_str().is_ok_and(is_json),
        Found::Nothing | Found::Several => false,
    };
    if is_json {
        return Ok(());
    }
    Err(HttpResponse::text(415, "Commands are sent as \"Content-Type: application/json\"."))
}

fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, _)| name.eq_ignore_ascii_case("charset"))
        })
}

/// False if the browser says that another site's page made it send this. Somebody may follow a link to
/// a page here: that shows it to them, and to nobody else.
fn fetched_by_us(head: &Parts) -> bool {
    match header(&head.headers, &SEC_FETCH_SITE) {
        Found::Nothing => true,
        Found::One(site) if site == "same-origin" || site == "none" => true,
        Found::One(_) => {
            let navigates = matches!(header(&head.headers, &SEC_FETCH_MODE), Found::One(mode) if mode == "navigate");
            navigates && matches!(head.method, Method::GET | Method::HEAD)
        }
        Found::Several => false,
    }
}

enum Found<'a> {
    Nothing,
    One(&'a HeaderValue),
    Several,
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Found<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Found::Nothing,
        (Some(value), None) => Found::One(value),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// The authority of an origin, and the port that its scheme means.
fn origin_authority(origin: &HeaderValue) -> Option<(Authority, u16)> {
    let uri: Uri = origin.to_str().ok()?.parse().ok()?;
    let port = match uri.scheme_str()? {
        "http" => 80,
        // Somebody in front of this server speaks TLS.
        "https" => 443,
        _ => return None,
    };
    Some((uri.authority()?.clone(), port))
}

fn same_place(origin: &Authority, host: &Authority, default: u16) -> bool {
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
    plain_name(origin.host()) == plain_name(host.host()) && port(origin) == port(host)
}

fn plain_names(hosts: &[String]) -> Vec<String> {
    hosts.iter().map(|host| plain_name(host)).collect()
}

/// A name in the one of its many forms that is compared.
fn plain_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    let matches = scheme.eq_ignore_ascii_case(b"bearer ");
    matches.then(|| token.trim_ascii())
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
