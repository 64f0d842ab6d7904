//! Passwords that are guessed first, without any network: a list, dictionaries, and what people make of their words.
//!
//! A password is compared as a whole (NIST SP 800-63B-4 §3.1.1.2: the entire password, not substrings). The set is too large
//! to be written down, so it is recognised: the list `common_passwords.txt`; every word of zxcvbn's dictionaries (30,000
//! passwords of breach statistics, and the words and names that people choose); runs of keys and of the alphabet; repetitions
//! of any of these; each of these with a usual ending (digits, a year, a mark); and two of the 2,000 most common words.
use super::strength;
use unicode_normalization::UnicodeNormalization;

/// The most used passwords of 8 and more characters in public breach statistics, in lower case.
const LIST: &str = include_str!("common_passwords.txt");
/// Rows that fingers and tongues run along, in both directions, round and round.
const RUNS: &[&str] = &[
    "1234567890",
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "!@#$%^&*()",
];
/// Characters of a run at least, or three letters of the alphabet would make one.
const RUN: usize = 5;
/// Characters of a repeated part that need not be a word.
const SHORT: usize = 3;
/// Digits that people put behind a word, beyond one or two of them and years.
const DIGITS: &[&str] = &[
    "007", "000", "111", "123", "321", "666", "777", "1234", "4321", "12345", "123456",
];
/// Marks that people put at the end, two at most.
const MARKS: &[char] = &['!', '.', '?', '@', '#', '$', '*', '_', '-'];
/// No word of a dictionary is longer, and longer texts are slow to look up.
const WORD: usize = 32;
/// Rank of the words of which two make no password.
const RANK: usize = 2000;

/// Lower case, NFC.
fn folded(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase()
}

/// Whether a password is a word of the user's or the operator's own: in any case, whatever stands between its letters.
pub(super) fn is_same(password: &str, word: &str) -> bool {
    let squeezed = |text: &str| -> String {
        folded(text)
            .chars()
            .filter(|c| c.is_alphanumeric())
            .collect()
    };
    let (a, b) = (folded(password), folded(word));
    if b.is_empty() {
        return false;
    }
    let (short_a, short_b) = (squeezed(&a), squeezed(&b));
    // One letter among marks is not that letter's word.
    a == b || (short_b.chars().count() >= 4 && short_a == short_b)
}

/// Whether a password is one of those that are guessed first.
pub(super) fn is_common(password: &str) -> bool {
    let text = folded(password);
    is_base(&text) || is_base_with_ending(&text) || is_two_words(&text)
}

fn is_base(text: &str) -> bool {
    is_listed(text) || is_run(text) || is_word(text) || is_repetition(text)
}

fn is_listed(text: &str) -> bool {
    LIST.lines().any(|line| line == text)
}

fn is_run(text: &str) -> bool {
    text.chars().count() >= RUN
        && RUNS.iter().any(|row| {
            let around = row.repeat(2);
            let back: String = around.chars().rev().collect();
            around.contains(text) || back.contains(text)
        })
}

fn is_word(text: &str) -> bool {
    (3..=WORD).contains(&text.chars().count())
        && matches!(strength::ranks(text).as_deref(), Some([_]))
}

fn is_two_words(text: &str) -> bool {
    (6..=WORD).contains(&text.chars().count())
        && matches!(strength::ranks(text).as_deref(), Some([a, b]) if *a <= RANK && *b <= RANK)
}

/// Two or more times the same, the last one perhaps cut off: of three ASCII characters at most, or of
/// something that is refused.
fn is_repetition(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let period = period(&letters);
    if period * 2 > letters.len() {
        return false;
    }
    let part: String = letters[..period].iter().collect();
    (period <= SHORT && part.is_ascii())
        || is_listed(&part)
        || is_run(&part)
        || is_word(&part)
        || is_base_with_ending(&part)
}

/// The smallest number of characters after which a text repeats itself (Knuth, Morris and Pratt's table).
fn period(letters: &[char]) -> usize {
    let mut border = vec![0; letters.len()];
    for at in 1..letters.len() {
        let mut length = border[at - 1];
        while length > 0 && letters[at] != letters[length] {
            length = border[length - 1];
        }
        border[at] = length + usize::from(letters[at] == letters[length]);
    }
    letters.len() - border.last().copied().unwrap_or(0)
}

/// A base, then digits, then marks; at least one of these.
fn is_base_with_ending(text: &str) -> bool {
    let unmarked = text.trim_end_matches(MARKS);
    if text.chars().count() - unmarked.chars().count() > 2 {
        return false;
    }
    let bare = unmarked.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &unmarked[bare.len()..];
    let usual = digits.len() <= 2
        || DIGITS.contains(&digits)
        || (digits.len() == 4
            && digits
                .parse()
                .is_ok_and(|year: u16| (1900..2050).contains(&year)));
    let is_base = |base: &str| base.chars().count() >= 3 && is_base(base);
    (unmarked.len() < text.len() && is_base(unmarked))
        || (bare.len() < text.len() && usual && is_base(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_common_in_any_case() {
        for common in [
            "password",
            "Password",
            "PASSWORD1",
            "12345678",
            "87654321",
            "iloveyou",
            "princess",
            "football",
            "sunshine",
            "!qaz2wsx",
            "qwertyuiop",
            "aaaaaaaa",
            "abababab",
            "abcabcabc",
            "passwordpassword",
            "passwordpasswordpass",
            "qwertyuiopasdfg",
            "123456789012345",
            "098765432109876",
            "abcdefghijklmno",
            "1qaz2wsx3edc4rfv",
            "password2024",
            "Password123!",
            "sunflower1987",
            "football12",
            "monkey123456",
            "monkeymonkey1",
            "dragondragon!!",
            "welcome2026!",
            "letmein1!",
            "iloveyou1234",
            "starwars77?",
            "1111111111111111",
            "dragonmonkey",
            "sunshineprincess",
        ] {
            assert!(is_common(common), "{common}");
        }
    }

    #[test]
    fn a_common_password_among_others_is_not_refused() {
        for other in [
            "correct horse 9 battery",
            "a horse of letters",
            "horseofletters",
            "xxpasswordxx7",
            "password1xk7q",
            "passwordqzvj",
            "gkzrwvbtnqhxpldmsycf",
            "\u{43f}\u{435}\u{442}\u{440}\u{43e}\u{437}\u{430}\u{432}\u{43e}\u{434}\u{441}\u{43a}\u{438}\u{439}",
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{5dc}\u{5db}\u{5d5}\u{5dc}\u{5dd}",
            "\u{1f642}\u{1f680}\u{1f33b}\u{1f41d}\u{1f9ed}\u{1f9f5}\u{1f9ca}\u{1faa8}",
            "K7#vQ2!xLp9$",
            "123456x9876q",
            "monkey93847261",
            "password!!!!",
            "a new password 7",
        ] {
            assert!(!is_common(other), "{other}");
        }
    }

    #[test]
    fn words_of_ones_own_are_the_same_in_any_dress() {
        for (password, word) in [
            ("My Application", "my application"),
            ("my-application!", "My application"),
            ("EXAMPLE.COM", "example.com"),
            ("cafe\u{301} bar", "Caf\u{e9} Bar"),
        ] {
            assert!(is_same(password, word), "{password}");
        }
        for (password, word) in [
            ("my applications", "my application"),
            ("!!!!!!!a", "a"),
            ("anything", ""),
            ("!!!!!!!!", ""),
        ] {
            assert!(!is_same(password, word), "{password}");
        }
    }
}
