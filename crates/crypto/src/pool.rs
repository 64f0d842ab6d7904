//! The hashing pool: threads of low priority for work that occupies a core for long.
//!
//! Invariants: at most `threads` jobs run at once and at most `queue` wait; a full queue is
//! refused at once; a job whose caller has gone is never started.
//! Not here: what is hashed ([`crate::password`]).

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

const NICENESS: i32 = 10;
const MAX_RETRY_AFTER_SECS: u64 = 30;

/// The threads and their queue; dropping it ends the threads after the jobs they are at.
pub struct HashPool {
    shared: Arc<Shared>,
    threads: usize,
    queue: usize,
}

/// The queue is full: the caller should answer 503 or 429 with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// How long the queue should take to drain, in seconds, from 1 to 30.
    pub retry_after_secs: u64,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too busy, retry after {} s", self.retry_after_secs)
    }
}

impl std::error::Error for Busy {}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashPool")
            .field("threads", &self.threads)
            .field("queue", &self.queue)
            .field("depth", &self.depth())
            .finish()
    }
}

impl HashPool {
    /// A pool of `threads` threads (at least one; normally one for each core), at niceness 10
    /// where the system has it for threads, and of `queue` waiting places.
    ///
    /// # Panics
    /// When the system refuses a thread: only at start.
    #[must_use]
    pub fn new(threads: usize, queue: usize) -> Self {
        let threads = threads.max(1);
        let shared = Arc::new(Shared::default());
        for index in 0..threads {
            let shared = Arc::clone(&shared);
            #[expect(clippy::expect_used, reason = "a server without threads cannot start")]
            thread::Builder::new()
                .name(format!("usher-hash-{index}"))
                .spawn(move || shared.work())
                .expect("the system refused a thread");
        }
        Self {
            shared,
            threads,
            queue,
        }
    }

    /// What `work` returns, once a thread has done it.
    ///
    /// Dropping the future takes the job out of the queue unless it has begun; a panic of `work`
    /// goes on in the caller and leaves the pool whole.
    ///
    /// # Errors
    /// [`Busy`] at once when the queue is full.
    pub async fn run<T, F>(&self, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.shared
            .push(Box::new(Task { work, reply }), self.queue)
            .map_err(|waiting| self.busy(waiting))?;
        match answer.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            // A thread answers every job it takes, and the pool outlives this borrow.
            Err(_) => Err(self.busy(Waiting::default())),
        }
    }

    /// How many jobs wait, those being worked on not counted.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    fn busy(&self, waiting: Waiting) -> Busy {
        let whole = waiting.usual.as_secs_f64() * waiting.count as f64 / self.threads as f64;
        let retry_after = Duration::try_from_secs_f64(whole.ceil()).unwrap_or_default();
        Busy {
            retry_after_secs: retry_after.as_secs().clamp(1, MAX_RETRY_AFTER_SECS),
        }
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    /// A moving average of how long a job takes.
    usual: Duration,
    closed: bool,
}

/// What a full queue is like.
#[derive(Default)]
struct Waiting {
    count: usize,
    usual: Duration,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Jobs run outside of the lock: a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Box<dyn Job>, limit: usize) -> Result<(), Waiting> {
        let mut state = self.lock();
        if state.jobs.len() >= limit {
            state.jobs.retain(|job| !job.is_abandoned());
        }
        if state.jobs.len() >= limit {
            return Err(Waiting {
                count: state.jobs.len(),
                usual: state.usual,
            });
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    fn work(&self) {
        lower_priority();
        while let Some(job) = self.next() {
            let began = Instant::now();
            job.run();
            let took = began.elapsed();
            let mut state = self.lock();
            state.usual = if state.usual.is_zero() {
                took
            } else {
                (state.usual * 7 + took) / 8
            };
        }
    }

    /// The next job that someone waits for; `None` when the pool is closed.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            while let Some(job) = state.jobs.pop_front() {
                if !job.is_abandoned() {
                    return Some(job);
                }
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

trait Job: Send {
    fn is_abandoned(&self) -> bool;
    fn run(self: Box<Self>);
}

struct Task<T, F> {
    work: F,
    reply: oneshot::Sender<thread::Result<T>>,
}

impl<T: Send, F: FnOnce() -> T + Send> Job for Task<T, F> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>) {
        let Self { work, reply } = *self;
        // Nobody may wait any more: the result is then dropped.
        let _ = reply.send(catch_unwind(AssertUnwindSafe(work)));
    }
}

/// Lets requests that hash nothing go first: Linux's niceness is that of the calling thread.
#[cfg(target_os = "linux")]
fn lower_priority() {
    // A system that refuses runs the thread at normal priority, which is slower but not wrong.
    let _ = rustix::process::nice(NICENESS);
}

/// Elsewhere niceness is that of the whole process, and is left alone.
#[cfg(not(target_os = "linux"))]
fn lower_priority() {
    let _ = NICENESS;
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    /// Occupies the only thread of a pool until the sender is dropped.
    async fn occupy(pool: &Arc<HashPool>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (release, wait) = mpsc::channel::<()>();
        let (began, has_begun) = oneshot::channel();
        let pool = Arc::clone(pool);
        let task = tokio::spawn(async move {
            let job = move || {
                let _ = began.send(());
                let _ = wait.recv();
            };
            pool.run(job).await.unwrap();
        });
        has_begun.await.unwrap();
        (release, task)
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_is_done_on_a_named_thread() {
        let pool = HashPool::new(2, 8);
        let name = pool.run(|| thread::current().name().map(str::to_owned));
        assert!(name.await.unwrap().unwrap().starts_with("usher-hash-"));
        assert_eq!(pool.threads(), 2);
        assert_eq!(HashPool::new(0, 0).threads(), 1);
    }

    #[tokio::test]
    async fn a_full_queue_is_refused_at_once() {
        let pool = Arc::new(HashPool::new(1, 1));
        let (release, running) = occupy(&pool).await;
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(|| 7).await }
        });
        until(|| pool.depth() == 1).await;
        let busy = pool.run(|| 8).await.unwrap_err();
        assert!((1..=30).contains(&busy.retry_after_secs));
        drop(release);
        running.await.unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
        assert_eq!(pool.depth(), 0);
    }

    #[tokio::test]
    async fn an_abandoned_job_is_skipped_and_gives_up_its_place() {
        let pool = Arc::new(HashPool::new(1, 1));
        let (release, running) = occupy(&pool).await;
        let count = Arc::new(AtomicUsize::new(0));
        let abandoned = tokio::spawn({
            let (pool, count) = (Arc::clone(&pool), Arc::clone(&count));
            async move { pool.run(move || count.fetch_add(1, Ordering::SeqCst)).await }
        });
        until(|| pool.depth() == 1).await;
        abandoned.abort();
        assert!(abandoned.await.unwrap_err().is_cancelled());
        let next = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(|| 9).await }
        });
        tokio::task::yield_now().await;
        drop(release);
        running.await.unwrap();
        assert_eq!(next.await.unwrap(), Ok(9));
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_reaches_its_caller_and_spares_the_thread() {
        let pool = Arc::new(HashPool::new(1, 4));
        let panicking = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(|| panic!("a job's own")).await.map(|(): ()| ()) }
        });
        assert!(panicking.await.unwrap_err().is_panic());
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_pool_s_threads_are_nice() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let pool = HashPool::new(1, 4);
        let inside = pool.run(nice).await.unwrap();
        assert_eq!(inside, (before + NICENESS).min(19));
        assert_eq!(nice(), before);
    }

    #[test]
    fn the_time_to_retry_follows_the_queue() {
        let pool = HashPool::new(2, 4);
        let busy = |count, ms| {
            let usual = Duration::from_millis(ms);
            pool.busy(Waiting { count, usual }).retry_after_secs
        };
        assert_eq!(busy(0, 0), 1);
        assert_eq!(busy(20, 250), 3);
        assert_eq!(busy(1_000_000, 1_000), 30);
    }
}
