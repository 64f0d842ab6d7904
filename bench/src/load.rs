//! Load: closed loops as fast as the server answers, and arrivals at a fixed rate.
use crate::http::{Client, Res, local, shape, told};
use crate::process::Server;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a load came to.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rate {
    /// Answers per CPU-second of the server.
    pub(crate) per_cpu: f64,
    /// Answers per second.
    pub(crate) per_second: f64,
}

async fn one(stream: &mut TcpStream, buffer: &mut Vec<u8>, bytes: &[u8]) -> std::io::Result<u16> {
    buffer.clear();
    stream.write_all(bytes).await?;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(shape) = shape(buffer) {
            return Ok(shape.status);
        }
    }
}

/// Sends for `time` over `connections` kept-alive connections, each its own of `requests` again and again, from one
/// thread. Every answer must have the status `expected`.
pub(crate) fn closed(
    server: &Server,
    requests: &[Vec<u8>],
    connections: usize,
    expected: u16,
    time: Duration,
) -> Res<Rate> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| told("runtime")(&e))?;
    let outcome = runtime.block_on(async {
        let mut streams = Vec::new();
        for index in 0..connections {
            let mut stream = TcpStream::connect(local(server.port)).await?;
            stream.set_nodelay(true)?;
            let mut buffer = Vec::with_capacity(16 * 1024);
            // The first request of a connection is not counted.
            let bytes = requests[index % requests.len()].clone();
            let status = one(&mut stream, &mut buffer, &bytes).await?;
            if status != expected {
                return Err(std::io::Error::other(format!(
                    "status {status}: {}",
                    String::from_utf8_lossy(&buffer)
                )));
            }
            streams.push((stream, buffer, bytes));
        }
        let cpu = server.cpu();
        let began = Instant::now();
        let tasks: Vec<_> = streams
            .into_iter()
            .map(|(mut stream, mut buffer, bytes)| {
                tokio::spawn(async move {
                    let mut count = 0_u64;
                    while began.elapsed() < time {
                        let status = one(&mut stream, &mut buffer, &bytes).await?;
                        if status != expected {
                            return Err(std::io::Error::other(format!(
                                "status {status}: {}",
                                String::from_utf8_lossy(&buffer)
                            )));
                        }
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        let mut count = 0;
        for task in tasks {
            count += task.await.map_err(std::io::Error::other)??;
        }
        let wall = began.elapsed().as_secs_f64();
        let used = server.cpu() - cpu;
        Ok((count, wall, used))
    });
    let (count, wall, used) = outcome.map_err(|e: std::io::Error| told("load")(&e))?;
    let count = count as f64;
    Ok(Rate {
        per_cpu: count / used,
        per_second: count / wall,
    })
}

/// Runs `work` in `threads` threads, as often as it can for `time`; how often it succeeded. Each call gets the number of
/// its thread and of the call.
pub(crate) fn threads(
    threads: usize,
    time: Duration,
    work: impl Fn(&mut Client, usize, usize) -> Res<()> + Sync,
    port: u16,
) -> Res<u64> {
    let began = Instant::now();
    let count = AtomicU64::new(0);
    let trouble = Mutex::new(None);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (work, count, trouble) = (&work, &count, &trouble);
            scope.spawn(move || {
                let mut client = Client::new(port);
                let mut call = 0;
                while began.elapsed() < time {
                    if let Err(e) = work(&mut client, thread, call) {
                        if let Ok(mut first) = trouble.lock() {
                            first.get_or_insert(e);
                        }
                        return;
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                    call += 1;
                }
            });
        }
    });
    match trouble.into_inner() {
        Ok(Some(e)) => Err(e),
        _ => Ok(count.into_inner()),
    }
}

/// Latencies of requests, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// The value at `share` of the sorted list.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round();
    sorted.get(at as usize).copied().unwrap_or_default()
}

impl Latency {
    pub(crate) fn of(mut millis: Vec<f64>) -> Self {
        millis.sort_by(f64::total_cmp);
        Self {
            p50: quantile(&millis, 0.5),
            p99: quantile(&millis, 0.99),
        }
    }
}

/// Requests at `per_second`, each sent at its appointed time whether or not the others were answered (up to 24 at once).
/// Latency counts from the moment the sender woke for it, or from the appointed time where all senders were busy.
pub(crate) fn paced(
    port: u16,
    requests: &[Vec<u8>],
    per_second: f64,
    time: Duration,
) -> Res<Latency> {
    const SENDERS: usize = 24;
    let gap = Duration::from_secs_f64(1.0 / per_second);
    let next = AtomicU64::new(0);
    let began = Instant::now() + Duration::from_millis(50);
    let measured = Mutex::new(Vec::new());
    let trouble = Mutex::new(None);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (next, measured, trouble) = (&next, &measured, &trouble);
            let bytes = &requests[sender % requests.len()];
            scope.spawn(move || {
                let mut client = Client::new(port);
                let _later = client.connect();
                let mut own = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let due = began + Duration::from_secs_f64(gap.as_secs_f64() * number as f64);
                    if due >= began + time {
                        break;
                    }
                    let late = Instant::now() > due;
                    if !late {
                        std::thread::sleep(due - Instant::now());
                    }
                    let from = if late { due } else { Instant::now() };
                    match client.status(bytes) {
                        Ok(200) => own.push(from.elapsed().as_secs_f64() * 1000.0),
                        other => {
                            if let Ok(mut first) = trouble.lock() {
                                first.get_or_insert(format!("a paced request: {other:?}"));
                            }
                            break;
                        }
                    }
                }
                if let Ok(mut all) = measured.lock() {
                    all.append(&mut own);
                }
            });
        }
    });
    match trouble.into_inner() {
        Ok(Some(e)) => Err(e),
        _ => Ok(Latency::of(measured.into_inner().unwrap_or_default())),
    }
}

/// Requests of many callers, and what they were answered with.
pub(crate) struct Crowd {
    /// Answers by status.
    pub(crate) answers: BTreeMap<u16, u64>,
    /// Seconds it took.
    pub(crate) wall: f64,
}

/// Runs `meanwhile` while `callers` closed loops send requests. A caller who is refused (429, 503) waits 100 ms.
pub(crate) fn crowd<T>(
    port: u16,
    requests: &[Vec<u8>],
    callers: usize,
    settle: Duration,
    meanwhile: impl FnOnce() -> T,
) -> (Crowd, T) {
    let over = AtomicBool::new(false);
    let counted = AtomicBool::new(false);
    let answers = Mutex::new(BTreeMap::new());
    let mut wall = 0.0;
    let out = std::thread::scope(|scope| {
        for caller in 0..callers {
            let (over, counted, answers) = (&over, &counted, &answers);
            let bytes = &requests[caller % requests.len()];
            scope.spawn(move || {
                let mut client = Client::new(port);
                while !over.load(Ordering::Relaxed) {
                    let status = client.status(bytes).unwrap_or_default();
                    if counted.load(Ordering::Relaxed)
                        && !over.load(Ordering::Relaxed)
                        && let Ok(mut answers) = answers.lock()
                    {
                        *answers.entry(status).or_default() += 1;
                    }
                    if status != 200 {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            });
        }
        std::thread::sleep(settle);
        counted.store(true, Ordering::Relaxed);
        let began = Instant::now();
        let out = meanwhile();
        wall = began.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        out
    });
    (
        Crowd {
            answers: answers.into_inner().unwrap_or_default(),
            wall,
        },
        out,
    )
}
