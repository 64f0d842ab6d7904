//! Binary fuse filters of three blocks with 16-bit fingerprints: 18 bits a key, one false positive in 65,536.
//!
//! A key has a place in each of three consecutive segments and a fingerprint; the filter is filled so that the exclusive or
//! of the three places is the fingerprint.
//! Reference: Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters" (ACM JEA 27, 2022).

/// What a lookup needs besides the fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    /// Places of a segment: a power of two.
    pub(crate) segment: u32,
    /// Places of all segments where a key can begin: all but the last two.
    pub(crate) starts: u32,
}

/// A filter in memory.
pub(crate) struct Fuse {
    pub(crate) shape: Shape,
    pub(crate) fingerprints: Vec<u16>,
}

/// Tries before a set is given up. A try fails once in some thousands for large sets and once in ten for tiny ones.
const TRIES: u64 = 1000;
const MAX_SEGMENT_LOG: u32 = 18;

impl Shape {
    /// The shape for this many keys (formulas of the paper's section 4, for three blocks).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "sizes of at most some millions, where doubles are exact"
    )]
    fn for_keys(count: usize, seed: u64) -> Self {
        let n = count.max(2) as f64;
        let log = (n.ln() / 3.33_f64.ln() + 2.25).floor() as u32;
        let segment = 1_u32 << log.clamp(2, MAX_SEGMENT_LOG);
        let factor = (0.875 + 0.25 * 1e6_f64.ln() / n.ln()).max(1.125);
        let capacity = (n * factor).round() as u32;
        let segments = capacity.div_ceil(segment).max(3) - 2;
        Self {
            seed,
            segment,
            starts: segments * segment,
        }
    }

    /// How many fingerprints a filter of this shape has.
    pub(crate) fn places(self) -> u64 {
        u64::from(self.starts) + 2 * u64::from(self.segment)
    }

    /// The three places of a key, and its fingerprint.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the multiply-shift yields less than `starts`; the rest wants the low bits"
    )]
    pub(crate) fn locate(self, key: u64) -> ([u32; 3], u16) {
        let hash = mixed(key.wrapping_add(self.seed));
        let first = ((u128::from(hash) * u128::from(self.starts)) >> 64) as u32;
        let mask = self.segment - 1;
        let second = (first + self.segment) ^ ((hash >> 18) as u32 & mask);
        let third = (first + 2 * self.segment) ^ (hash as u32 & mask);
        ([first, second, third], (hash ^ (hash >> 32)) as u16)
    }
}

/// The finalizer of MurmurHash3: every bit of the key moves every bit of the hash.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl Fuse {
    /// A filter over distinct keys. `None` where no seed works, which distinct keys do not do.
    pub(crate) fn new(keys: &[u64]) -> Option<Self> {
        (0..TRIES).find_map(|attempt| {
            Self::attempt(keys, Shape::for_keys(keys.len(), mixed(attempt + 1)))
        })
    }

    /// Peels the keys: one that is alone at a place is taken away, until none is left. In the opposite order each key has
    /// a place that no later one touches.
    fn attempt(keys: &[u64], shape: Shape) -> Option<Self> {
        let places = usize::try_from(shape.places()).ok()?;
        let mut count = vec![0_u32; places];
        let mut sum = vec![0_u64; places];
        let at = |place: u32| place as usize;
        for key in keys {
            for place in shape.locate(*key).0 {
                count[at(place)] += 1;
                sum[at(place)] ^= key;
            }
        }
        let alone = |(place, n): (usize, &u32)| (*n == 1).then_some(place);
        let mut queue: Vec<usize> = count.iter().enumerate().filter_map(alone).collect();
        let mut order = Vec::with_capacity(keys.len());
        while let Some(place) = queue.pop() {
            if count[place] != 1 {
                continue;
            }
            let key = sum[place];
            order.push((key, place));
            for other in shape.locate(key).0.map(at) {
                count[other] -= 1;
                sum[other] ^= key;
                if count[other] == 1 {
                    queue.push(other);
                }
            }
        }
        if order.len() != keys.len() {
            return None;
        }
        let mut fingerprints = vec![0_u16; places];
        for (key, own) in order.into_iter().rev() {
            let (places, fingerprint) = shape.locate(key);
            // The own place is still zero: the exclusive or of all three is that of the other two.
            fingerprints[own] = places
                .iter()
                .fold(fingerprint, |value, place| value ^ fingerprints[at(*place)]);
        }
        Some(Self {
            shape,
            fingerprints,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(fuse: &Fuse, key: u64) -> bool {
        let (places, fingerprint) = fuse.shape.locate(key);
        places.iter().fold(fingerprint, |value, place| {
            value ^ fuse.fingerprints[*place as usize]
        }) == 0
    }

    fn keys(count: u64, salt: u64) -> Vec<u64> {
        (0..count).map(|i| mixed(i ^ (salt << 40))).collect()
    }

    #[test]
    fn every_key_is_found_and_few_others() {
        for count in [1, 2, 3, 4, 5, 10, 63, 64, 100, 1000, 4096, 50_000] {
            let inside = keys(count, 1);
            let fuse = Fuse::new(&inside).unwrap();
            assert!(inside.iter().all(|key| contains(&fuse, *key)), "{count}");
            let wrong = keys(200_000, 2)
                .into_iter()
                .filter(|k| contains(&fuse, *k))
                .count();
            // 3.05 are expected; 20 have a chance of 1 in 10^9.
            assert!(wrong < 20, "{wrong} of 200000 at {count}");
        }
        let bits = Fuse::new(&keys(50_000, 1)).unwrap().fingerprints.len() * 16 / 50_000;
        assert!(bits <= 20, "{bits} bits a key");
    }

    #[test]
    fn keys_that_are_not_distinct_are_given_up() {
        assert!(Fuse::attempt(&[7, 7], Shape::for_keys(2, 1)).is_none());
    }
}
