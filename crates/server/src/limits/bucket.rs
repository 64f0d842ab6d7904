//! Buckets: the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"), one instant per key.
//!
//! A key's instant is when its bucket will be full again. That is all there is to a bucket, so taking from it is one look
//! and one store under a lock that is one of many: parallel requests each cost their part.
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use usher_types::Timestamp;

/// Locks: requests of different callers rarely meet.
const SHARDS: usize = 64;
/// Keys in one shard at most; about 12 MB over all of them.
const KEYS: usize = 4096;

/// So many in so long: at once if the caller likes, and then one each `per_ms / count`.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Requests, 1 at least.
    pub count: i64,
    /// Milliseconds.
    pub per_ms: i64,
}

/// The bucket table of a process. Full buckets are forgotten; memory is bounded.
pub struct Limiter {
    shards: Vec<Mutex<HashMap<u128, i64>>>,
    // Keyed by chance: nobody can choose whose bucket they share.
    hashers: [RandomState; 2],
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }
}

impl Limiter {
    /// The key of a caller of a tenant: 128 bits, no allocation.
    #[must_use]
    pub fn key(&self, tenant: &str, who: &impl Hash) -> u128 {
        let [low, high] = &self.hashers;
        u128::from(low.hash_one((tenant, who))) | u128::from(high.hash_one((tenant, who))) << 64
    }

    /// Takes one of a key's quota. A refusal costs nothing.
    ///
    /// # Errors
    /// Whole seconds, 1 at least, until the next one is there.
    pub fn take(&self, key: u128, quota: Quota, now: Timestamp) -> Result<(), u32> {
        // Microseconds: a thousand in ten seconds are ten milliseconds apart.
        let step = (quota.per_ms.saturating_mul(1000) / quota.count.max(1)).max(1);
        let full = step.saturating_mul(quota.count.max(1));
        let now = now.0.saturating_mul(1000);
        let index = usize::try_from(key % (SHARDS as u128)).unwrap_or(0);
        let Some(shard) = self.shards.get(index) else {
            return Ok(());
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        // No bucket is emptier than empty: where the clock jumps back, it fills up from there, and not for the length of
        // the jump.
        let filled = shard
            .get(&key)
            .map_or(now, |at| (*at).clamp(now, now.saturating_add(full)));
        let after = filled.saturating_add(step);
        let wait = after.saturating_sub(now.saturating_add(full));
        if wait > 0 {
            shard.insert(key, filled);
            let secs = (wait.saturating_add(999_999)) / 1_000_000;
            return Err(u32::try_from(secs).unwrap_or(u32::MAX));
        }
        if shard.len() >= KEYS && !shard.contains_key(&key) {
            make_room(&mut shard, now);
        }
        shard.insert(key, after);
        Ok(())
    }

    /// Keys that are held now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    /// No key is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Forgets full buckets; where there are too few of them, the fuller half: whoever floods the table with names loses those
/// first, and an emptied bucket stays.
fn make_room(shard: &mut HashMap<u128, i64>, now: i64) {
    shard.retain(|_, at| *at > now);
    if shard.len() > KEYS / 2 {
        let mut all: Vec<i64> = shard.values().copied().collect();
        let half = all.len() / 2;
        let (_, middle, _) = all.select_nth_unstable(half);
        let middle = *middle;
        // Equal ones go too: there may be nothing but equal ones.
        shard.retain(|_, at| *at > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Limiter, Quota, SHARDS};
    use usher_types::Timestamp;

    const FIVE: Quota = Quota {
        count: 5,
        per_ms: 10_000,
    };

    #[test]
    fn five_at_once_and_then_one_each_two_seconds() {
        let limiter = Limiter::default();
        let key = limiter.key("a", &"b");
        let at = |ms: i64| Timestamp(1_000_000 + ms);
        for _ in 0..5 {
            assert_eq!(limiter.take(key, FIVE, at(0)), Ok(()));
        }
        assert_eq!(limiter.take(key, FIVE, at(0)), Err(2));
        assert_eq!(limiter.take(key, FIVE, at(1_500)), Err(1));
        assert_eq!(limiter.take(key, FIVE, at(2_000)), Ok(()));
        assert_eq!(limiter.take(key, FIVE, at(2_000)), Err(2));
        // Another key is another bucket.
        assert_eq!(
            limiter.take(limiter.key("b", &"b"), FIVE, at(2_000)),
            Ok(())
        );
        // All of it is back after the whole period, and no more than that.
        for _ in 0..5 {
            assert_eq!(limiter.take(key, FIVE, at(100_000)), Ok(()));
        }
        assert_eq!(limiter.take(key, FIVE, at(100_000)), Err(2));
    }

    #[test]
    fn rl_09_a_clock_that_jumps_back_refills_nothing_and_blocks_nobody_for_long() {
        let limiter = Limiter::default();
        let key = limiter.key("a", &"b");
        let at = |ms: i64| Timestamp(10_000_000 + ms);
        for _ in 0..5 {
            assert_eq!(limiter.take(key, FIVE, at(0)), Ok(()));
        }
        let hour_back = |ms: i64| at(ms - 3_600_000);
        assert_eq!(limiter.take(key, FIVE, hour_back(0)), Err(2));
        assert_eq!(limiter.take(key, FIVE, hour_back(2_000)), Ok(()));
        assert_eq!(limiter.take(key, FIVE, hour_back(2_000)), Err(2));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_fullest_first() {
        let limiter = Limiter::default();
        let now = Timestamp(1_000_000);
        let victim = limiter.key("a", &"victim");
        for _ in 0..5 {
            assert_eq!(limiter.take(victim, FIVE, now), Ok(()));
        }
        for index in 0..2 * KEYS * SHARDS {
            assert_eq!(limiter.take(limiter.key("a", &index), FIVE, now), Ok(()));
        }
        assert!(limiter.len() <= KEYS * SHARDS, "{}", limiter.len());
        assert!(limiter.take(victim, FIVE, now).is_err());
    }

    #[test]
    fn rl_04_parallel_requests_of_one_tick_get_no_more() {
        let limiter = Limiter::default();
        let key = limiter.key("a", &"b");
        let passed: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| usize::from(limiter.take(key, FIVE, Timestamp(1_000)).is_ok()))
                })
                .collect();
            all.into_iter().map(|t| t.join().expect("no panic")).sum()
        });
        assert_eq!(passed, 5);
    }
}
