//! One connection, from when it has a place until it is closed.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::activity::{Activity, Phase};
use super::body::Body;
use super::routes::Routes;
use super::socket::Socket;
use crate::BoxFuture;

/// The longest first line and headers together, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// What is read or written ahead, in bytes.
const MAX_BUFFER: usize = 64 << 10;

/// How long a client may take to notice that it was answered before all was read.
const LINGER: Duration = Duration::from_secs(1);

/// How many bytes it may send meanwhile.
const MAX_LINGER: usize = 64 << 20;

const HEAD_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: \
    text/plain; charset=utf-8\r\nContent-Length: 40\r\n\r\nThe request took too long to be sent...\n";

/// Serves a connection until one of the two ends it, it is in the way, or the server ends.
pub(super) async fn run(
    stream: TcpStream,
    peer: IpAddr,
    routes: Arc<Routes>,
    activity: Arc<Activity>,
    mut ending: watch::Receiver<bool>,
) {
    // It only costs time if it fails.
    let _ = stream.set_nodelay(true);
    let config = Arc::clone(&routes.config);
    let socket = Socket::new(stream, Arc::clone(&activity));
    let caller = Caller { routes, activity: Arc::clone(&activity), peer };
    let mut http = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(MAX_BUFFER)
        .max_header_size(MAX_HEAD)
        .title_case_headers(true)
        .serve_connection(TokioIo::new(socket.clone()), caller);
    let mut timer = pin!(sleep_until(Instant::now()));
    let end = loop {
        tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending), if !activity.is_ending() => {
                activity.end();
                if let Some((0, _)) = activity.rank() {
                    break End::Close;
                }
                Pin::new(&mut http).graceful_shutdown();
            }
            () = activity.unwanted() => break End::Close,
            _ = poll_fn(|context| http.poll_without_shutdown(context)) => break End::Linger,
            // Behind the connection: what it does moves the deadline.
            () = expired(timer.as_mut(), || activity.deadline(&config)) => {
                break match activity.phase() {
                    Phase::Head if activity.stalled_since().is_none() => End::TooSlow,
                    _ => End::Close,
                };
            }
            () = poll_fn(|context| match activity.phase() {
                Phase::Streaming => socket.poll_gone(context),
                _ => Poll::Pending,
            }) => break End::Close,
        }
    };
    drop(http);
    activity.enter(Phase::Leaving);
    let Some(mut stream) = socket.into_stream() else { return };
    let farewell = async {
        if let End::TooSlow = end {
            stream.write_all(HEAD_TIMEOUT).await?;
        }
        linger(stream).await
    };
    if !matches!(end, End::Close) {
        tokio::select! {
            // However it ends, it is closed.
            _ = timeout(LINGER, farewell) => {}
            () = activity.unwanted() => {}
        }
    }
}

/// How a connection ends.
enum End {
    /// At once.
    Close,
    /// All is said, to a client that may still be sending.
    Linger,
    /// With a word, since a request has begun.
    TooSlow,
}

/// Closing a connection from which not all was read resets it, and the client loses the answer that it
/// has not read yet.
async fn linger(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut buffer = vec![0; 16 << 10];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => total += length,
        }
        if total > MAX_LINGER {
            return Ok(());
        }
    }
}

/// Waits for a deadline that moves.
async fn expired(mut timer: Pin<&mut Sleep>, deadline: impl Fn() -> Option<Instant>) {
    poll_fn(|context| match deadline() {
        None => Poll::Pending,
        Some(deadline) => {
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            timer.as_mut().poll(context)
        }
    })
    .await;
}

/// Takes the requests of one connection.
struct Caller {
    routes: Arc<Routes>,
    activity: Arc<Activity>,
    peer: IpAddr,
}

impl Service<Request<Incoming>> for Caller {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.enter(Phase::Working);
        let (routes, activity) = (Arc::clone(&self.routes), Arc::clone(&self.activity));
        let peer = self.peer;
        Box::pin(async move { Ok(routes.answer(request, &activity, peer).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_for_who_is_too_slow_is_as_long_as_it_says() {
        let text = std::str::from_utf8(HEAD_TIMEOUT).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
    }
}
