//! The body of a response, as hyper takes it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::activity::{Activity, Phase};
use super::events::EventQueue;

/// Bytes, or events without end. When it is taken up or given up, the connection is idle again.
pub(super) struct Body {
    content: Content,
    activity: Option<Arc<Activity>>,
}

enum Content {
    Whole(Bytes),
    Events(EventQueue),
}

impl Body {
    pub(super) fn whole(bytes: Bytes, activity: &Arc<Activity>) -> Self {
        Self { content: Content::Whole(bytes), activity: Some(Arc::clone(activity)) }
    }

    pub(super) fn events(queue: EventQueue, activity: &Arc<Activity>) -> Self {
        activity.enter(Phase::Streaming);
        Self { content: Content::Events(queue), activity: Some(Arc::clone(activity)) }
    }

    /// One that belongs to no connection.
    #[cfg(test)]
    pub(super) fn detached(bytes: Bytes) -> Self {
        Self { content: Content::Whole(bytes), activity: None }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { content, activity } = &mut *self;
        let next = match content {
            Content::Whole(bytes) if bytes.is_empty() => None,
            Content::Whole(bytes) => Some(std::mem::take(bytes)),
            // Its connection polls this after it was told to end.
            Content::Events(_) if activity.as_ref().is_some_and(|it| it.is_ending()) => None,
            Content::Events(queue) => match queue.poll_next(context) {
                Poll::Ready(next) => next,
                Poll::Pending => return Poll::Pending,
            },
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Events(_) => SizeHint::default(),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(activity) = &self.activity {
            activity.enter(Phase::Idle);
        }
    }
}
