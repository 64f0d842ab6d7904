//! A small deterministic mutator: the same seed gives the same inputs on every machine, so that a failure is a number.

/// A generator of 64-bit numbers (xorshift*, Vigna 2016): fast and repeatable. Nothing secret is made of it.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// A generator that repeats itself for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    /// A number in `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap_or(1).max(1);
        usize::try_from(self.roll() % n).unwrap_or(0)
    }
    /// One of them; empty for none.
    pub fn pick<'a, T: AsRef<[u8]>>(&mut self, all: &'a [T]) -> &'a [u8] {
        let index = self.below(all.len());
        all.get(index).map_or(&[], AsRef::as_ref)
    }
}

/// Bytes that parsers have stumbled over.
const ANYWHERE: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\n",
    b"\t",
    b" ",
    b"%",
    b"%00",
    b"%2e",
    b"%2f",
    b"%25",
    b"&",
    b"=",
    b";",
    b",",
    b"\"",
    b"\\",
    b"/",
    b"//",
    b"..",
    b".",
    b":",
    b"@",
    b"#",
    b"?",
    b"[",
    b"]",
    b"{",
    b"}",
    b"+",
    b"-",
    b"_",
    b"$",
    b"'",
    b"<",
    b"0",
    b"9",
    b"-1",
    b"65536",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551616",
    b"1e999",
    b"NaN",
    b"null",
    b"true",
    "é".as_bytes(),
    "\u{130}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{1f642}".as_bytes(),
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
];

/// The longest input that is made, in bytes.
const LONGEST: usize = 8192;

/// A new input out of the corpus: one of its members with a few changes.
pub fn mutate<T: AsRef<[u8]>>(dice: &mut Dice, corpus: &[T], words: &[&str]) -> Vec<u8> {
    let mut out = dice.pick(corpus).to_vec();
    for _ in 0..=dice.below(4) {
        once(dice, &mut out, corpus, words);
    }
    out.truncate(LONGEST);
    out
}

fn once<T: AsRef<[u8]>>(dice: &mut Dice, out: &mut Vec<u8>, corpus: &[T], words: &[&str]) {
    let from = dice.below(out.len() + 1);
    let to = from + dice.below(out.len() - from + 1);
    match dice.below(11) {
        0 if !out.is_empty() => {
            let at = dice.below(out.len());
            out[at] ^= 1 << dice.below(8);
        }
        1 if !out.is_empty() => {
            let at = dice.below(out.len());
            out[at] = u8::try_from(dice.below(256)).unwrap_or(0);
        }
        2 => drop(out.drain(from..to)),
        3 => {
            let copied = out[from..to].to_vec();
            let at = dice.below(out.len() + 1);
            drop(out.splice(at..at, copied));
        }
        4 | 5 => drop(out.splice(from..from, dice.pick(ANYWHERE).to_vec())),
        6 | 7 => drop(out.splice(from..from, dice.pick(words).to_vec())),
        8 => drop(out.splice(from..to, dice.pick(words).to_vec())),
        9 => {
            let other = dice.pick(corpus).to_vec();
            let cut = dice.below(other.len() + 1);
            out.truncate(from);
            out.extend_from_slice(&other[cut..]);
        }
        _ => {
            let word = dice.pick(ANYWHERE).to_vec();
            let times = 1 << dice.below(9);
            drop(out.splice(from..from, word.repeat(times)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let run = |seed| {
            let mut dice = Dice::new(seed);
            (0..50)
                .map(|_| mutate(&mut dice, &["a=1", "b"], &["c"]))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!(run(7).iter().any(|input| input != b"a=1" && input != b"b"));
    }
}
