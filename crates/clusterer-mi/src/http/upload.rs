//! Takes in the body of a request: bounded in length, in time, and in how much there is of all.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::activity::{Activity, Phase};
use super::{HttpConfig, HttpResponse};

/// A body up to this length is always taken in.
const SMALL: usize = 16 << 10;

/// How many longer ones are taken in at a time. The others wait.
const LARGE_AT_ONCE: usize = 16;

/// A body, with its place among the long ones, if it is one.
pub(super) struct Received<'a> {
    pub(super) bytes: Vec<u8>,
    _place: Option<SemaphorePermit<'a>>,
}

pub(super) struct Upload {
    max_body: usize,
    patience: Duration,
    large: Semaphore,
}

impl Upload {
    pub(super) fn new(config: &HttpConfig) -> Self {
        let large = Semaphore::new(LARGE_AT_ONCE);
        Self { max_body: config.max_body, patience: config.body_timeout, large }
    }

    /// The whole body, or what to answer instead.
    pub(super) async fn receive(
        &self,
        body: Incoming,
        activity: &Activity,
    ) -> Result<Received<'_>, HttpResponse> {
        if body.size_hint().lower() > self.max_body as u64 {
            return Err(self.too_long());
        }
        activity.enter(Phase::Body);
        let whole = timeout(self.patience, self.collect(body)).await;
        activity.enter(Phase::Working);
        whole.unwrap_or_else(|_| {
            Err(HttpResponse::text(408, "The request took too long to be sent."))
        })
    }

    async fn collect(&self, mut body: Incoming) -> Result<Received<'_>, HttpResponse> {
        let mut whole = Vec::new();
        let mut place = None;
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            let frame = frame
                .map_err(|_| HttpResponse::text(400, "The request does not end where it says."))?;
            // Trailers are of no interest.
            let Ok(bytes) = frame.into_data() else { continue };
            let length = whole.len() + bytes.len();
            if length > self.max_body {
                return Err(self.too_long());
            }
            if length > SMALL && place.is_none() {
                // Not closed: it is ours.
                place = self.large.acquire().await.ok();
            }
            whole.extend_from_slice(&bytes);
        }
        Ok(Received { bytes: whole, _place: place })
    }

    fn too_long(&self) -> HttpResponse {
        let limit = self.max_body;
        HttpResponse::text(413, format!("A request has {limit} bytes at most."))
    }
}
