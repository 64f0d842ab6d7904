//! The primitives alone, on every core: what a request can cost at best.
use crate::http::{Res, told};
use crate::process::own_cpu;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many cores there are.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A rate per CPU-second of this process, and per second.
fn rate(time: Duration, work: impl Fn() + Sync) -> crate::load::Rate {
    let count = AtomicU64::new(0);
    let cpu = own_cpu();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                while began.elapsed() < time {
                    work();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let count = count.into_inner() as f64;
    crate::load::Rate {
        per_cpu: count / (own_cpu() - cpu),
        per_second: count / began.elapsed().as_secs_f64(),
    }
}

/// A key to sign with.
pub(crate) fn key() -> Res<KeyPair> {
    KeyPair::generate(KeySize::Rsa2048).map_err(|e| told("RSA")(&e))
}

/// RSA-2048 PKCS#1 v1.5 SHA-256 signatures of 600 bytes by aws-lc-rs with one shared, parsed key.
pub(crate) fn sign(key: &KeyPair, time: Duration) -> crate::load::Rate {
    let message = [b'x'; 600];
    let random = SystemRandom::new();
    rate(time, || {
        let mut signature = vec![0; key.public_modulus_len()];
        let made = key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature);
        std::hint::black_box((made.is_ok(), signature));
    })
}

/// Bcrypt at the cost that the server uses by default.
pub(crate) fn bcrypt(time: Duration) -> crate::load::Rate {
    rate(time, || {
        std::hint::black_box(bcrypt::bcrypt(10, *b"a salt of 16 let", &[b'x'; 65]));
    })
}
