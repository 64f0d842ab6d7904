//! A stream that knows when it last moved: from that follows which connections are slow or silent.
use super::Limits;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Go,
    /// It has been silent for too long.
    Leave,
    /// Its request does not come to an end.
    Cut,
}

/// What happens on a connection. Times are milliseconds since it began.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    moved_at: AtomicU64,
    /// Plus one, so that 0 is "no head is under way".
    head_since: AtomicU64,
    requests: AtomicUsize,
}

/// A request under way.
pub(super) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.moved();
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            moved_at: AtomicU64::new(0),
            // Whoever connects is expected to ask.
            head_since: AtomicU64::new(1),
            requests: AtomicUsize::new(0),
        }
    }
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
    fn moved(&self) {
        self.moved_at.store(self.now(), Ordering::Release);
    }
    fn read(&self) {
        self.moved();
        if self.requests.load(Ordering::Acquire) == 0 {
            // The first byte of a head; the others change nothing.
            let _under_way = self.head_since.compare_exchange(
                0,
                self.now() + 1,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
        }
    }
    /// A head is complete: its request is under way until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> UnderWay {
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.head_since.store(0, Ordering::Release);
        self.moved();
        UnderWay(Arc::clone(self))
    }
    /// How long no byte and no request moved.
    pub(super) fn quiet_for(&self) -> Duration {
        let moved = self.moved_at.load(Ordering::Acquire);
        Duration::from_millis(self.now().saturating_sub(moved))
    }
    /// What is to become of the connection. A head's time counts on HTTP/1 only: on HTTP/2 frames of other kinds come too,
    /// and the size of a head is bounded.
    pub(super) fn verdict(&self, limits: &Limits, heads: bool) -> Verdict {
        if self.requests.load(Ordering::Acquire) > 0 {
            return Verdict::Go;
        }
        let since = self.head_since.load(Ordering::Acquire);
        if heads
            && since > 0
            && Duration::from_millis(self.now().saturating_sub(since - 1)) > limits.head
        {
            return Verdict::Cut;
        }
        if self.quiet_for() > limits.idle {
            return Verdict::Leave;
        }
        Verdict::Go
    }
}

/// A stream whose movements are noted.
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.read();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(outcome, Poll::Ready(Ok(written)) if written > 0) {
            self.activity.moved();
        }
        outcome
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if matches!(outcome, Poll::Ready(Ok(written)) if written > 0) {
            self.activity.moved();
        }
        outcome
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
