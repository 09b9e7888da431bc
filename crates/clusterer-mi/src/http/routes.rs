//! What is served where, and how a request gets there.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::access::{HttpAccess, check_json};
use super::activity::Activity;
use super::body::Body;
use super::events::{EventQueue, EventSender};
use super::upload::Upload;
use super::{HttpConfig, HttpError, HttpResponse};
use crate::guard::{Patience, catch_panic};
use crate::limited::LimitedLog;
use crate::{BoxFuture, CommandTable, JsonAnswer, jsonrpc};

/// What a GET is answered with.
pub(super) enum Page {
    /// The same for everybody, who need no token for it.
    Asset(HttpResponse),
    /// What this makes.
    Made(MakePage),
    /// Events of this source.
    Stream(Source),
}

pub(super) type MakePage = Box<dyn Fn() -> BoxFuture<'static, HttpResponse> + Send + Sync>;
pub(super) type Source = Box<dyn Fn(EventSender) -> BoxFuture<'static, ()> + Send + Sync>;

/// Whether the program is ready, and why not.
pub(super) type Readiness = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What a program wants to have served.
#[derive(Default)]
pub(super) struct Mounts {
    pub(super) pages: Vec<(String, Page)>,
    pub(super) commands: Option<Arc<CommandTable>>,
    pub(super) ready: Option<Readiness>,
}

/// Everything that answering needs.
pub(super) struct Routes {
    pub(super) config: Arc<HttpConfig>,
    access: HttpAccess,
    pages: HashMap<String, Page>,
    commands: Option<Commands>,
    ready: Option<Readiness>,
    streams: Arc<Semaphore>,
    upload: Upload,
    log: Arc<LimitedLog>,
}

struct Commands {
    path: String,
    table: Arc<CommandTable>,
    patience: Patience,
}

enum Reply {
    Whole(HttpResponse),
    Events(EventQueue),
}

/// How long a batch may take beyond what a single command may, which is told apart from it.
const BATCH_GRACE: Duration = Duration::from_secs(1);

const BATCH_TIMEOUT: &str =
    r#"{"jsonrpc":"2.0","error":{"code":500,"message":"Batch took too long"},"id":null}"#;

const HEALTH: &str = "/healthz";
const READINESS: &str = "/readyz";

/// What is answered to everybody, whatever else is mounted.
pub(super) const PROBES: [&str; 2] = [HEALTH, READINESS];

impl Routes {
    pub(super) fn new(
        config: Arc<HttpConfig>,
        mounts: Mounts,
        log: Arc<LimitedLog>,
    ) -> Result<Self, HttpError> {
        let commands = mounts.commands.map(|table| Commands {
            path: format!("/{}", config.root),
            table,
            patience: Patience { timeout: config.command_timeout, log: Arc::clone(&log) },
        });
        let mut pages = HashMap::new();
        for (path, page) in mounts.pages {
            let plain = path.starts_with('/') && !path.contains(['?', '#']);
            let own = PROBES.contains(&path.as_str());
            if !plain || own || pages.contains_key(&path) {
                return Err(HttpError::Mount { path });
            }
            pages.insert(path, page);
        }
        // At least one answer must always be possible.
        let streams = config.max_streams.min(config.max_connections / 2);
        Ok(Self {
            access: HttpAccess::new(&config),
            pages,
            commands,
            ready: mounts.ready,
            streams: Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS))),
            upload: Upload::new(&config),
            log,
            config,
        })
    }

    pub(super) fn access(&self) -> HttpAccess {
        self.access.clone()
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        activity: &Arc<Activity>,
        peer: IpAddr,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let whole =
            |response: HttpResponse| response.into_http(|bytes| Body::whole(bytes, activity));
        match self.route(&head, body, activity, peer).await {
            Ok(Reply::Whole(response)) => whole(response),
            // What was refused may not have been read, and is not going to be.
            Err(response) if has_body => whole(response.with_header("connection", "close")),
            Err(response) => whole(response),
            Ok(Reply::Events(queue)) => HttpResponse::new("text/event-stream", "")
                .into_http(|_| Body::events(queue, activity)),
        }
    }

    async fn route(
        &self,
        head: &Parts,
        body: Incoming,
        activity: &Arc<Activity>,
        peer: IpAddr,
    ) -> Result<Reply, HttpResponse> {
        let path = head.uri.path();
        if let Some(response) = self.probe(path) {
            return get_only(&head.method).map(|()| Reply::Whole(response));
        }
        let access = self.access.now();
        access.check_origin(head)?;
        let page = self.pages.get(path);
        if let (Some(Page::Asset(response)), Ok(())) = (page, get_only(&head.method)) {
            return Ok(Reply::Whole(response.clone()));
        }
        access.check_token(head).inspect_err(|_| {
            self.log.warn(format_args!("a request from {peer} has not the token"));
        })?;
        let commands = self.commands.as_ref().filter(|commands| commands.path == path);
        match (&head.method, page, commands) {
            (&Method::POST, _, Some(commands)) => {
                check_json(&head.headers)?;
                let request = self.upload.receive(body, activity).await?;
                Ok(Reply::Whole(commands.answer(&request.bytes).await))
            }
            (&Method::GET | &Method::HEAD, Some(page), _) => self.show(page, path, activity).await,
            (_, None, None) => Err(HttpResponse::text(404, "There is nothing here.")),
            (_, None, Some(_)) => Err(HttpResponse::not_allowed("POST")),
            (_, Some(_), None) => Err(HttpResponse::not_allowed("GET, HEAD")),
            (_, Some(_), Some(_)) => Err(HttpResponse::not_allowed("GET, HEAD, POST")),
        }
    }

    /// Questions that anybody may ask, by any name.
    fn probe(&self, path: &str) -> Option<HttpResponse> {
        match path {
            HEALTH => Some(HttpResponse::text(200, "ok")),
            READINESS => Some(match self.ready.as_ref().map_or(Ok(()), |ready| ready()) {
                Ok(()) => HttpResponse::text(200, "ready"),
                Err(why) => HttpResponse::text(503, why),
            }),
            _ => None,
        }
    }

    async fn show(
        &self,
        page: &Page,
        path: &str,
        activity: &Arc<Activity>,
    ) -> Result<Reply, HttpResponse> {
        match page {
            Page::Asset(response) => Ok(Reply::Whole(response.clone())),
            Page::Made(make) => {
                // A panic may also come before there is a future.
                let made = catch_panic(Box::pin(async { make().await }));
                let why = match timeout(self.config.command_timeout, made).await {
                    Ok(Some(response)) => return Ok(Reply::Whole(response)),
                    Ok(None) => "panicked",
                    Err(_) => "took too long",
                };
                self.log.warn(format_args!("what makes {path:?} {why}"));
                Err(HttpResponse::text(500, "This failed; the log says why."))
            }
            Page::Stream(source) => {
                let Ok(place) = Arc::clone(&self.streams).try_acquire_owned() else {
                    let busy = HttpResponse::text(503, "There are too many streams already.");
                    return Err(busy.with_header("retry-after", "5"));
                };
                Ok(Reply::Events(EventQueue::start(source, Arc::clone(activity), place)))
            }
        }
    }
}

impl Commands {
    async fn answer(&self, request: &[u8]) -> HttpResponse {
        // As 4.0 answers: what is wrong with a request is said within the reply.
        if request.is_empty() {
            return HttpResponse::json("").with_status(400);
        }
        let answer = jsonrpc::answer_guarded(&self.table, request, &self.patience);
        match timeout(self.patience.timeout + BATCH_GRACE, answer).await {
            Ok(JsonAnswer::Reply(reply)) => HttpResponse::json(reply),
            Ok(JsonAnswer::ParseError) => HttpResponse::json(jsonrpc::PARSE_ERROR),
            Ok(JsonAnswer::None) => HttpResponse::json("").with_status(202),
            Err(_) => HttpResponse::json(BATCH_TIMEOUT),
        }
    }
}

fn get_only(method: &Method) -> Result<(), HttpResponse> {
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(HttpResponse::not_allowed("GET, HEAD")),
    }
}
