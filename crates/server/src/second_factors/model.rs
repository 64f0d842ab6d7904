//! The rows, and what a backup code looks like.
use usher_crypto::digest;
use usher_crypto::rng::Rng;
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{BackupCodesId, InstanceId, TotpId, UserId};

/// Codes of a set.
pub const BACKUP_CODES: usize = 10;
/// Characters of a code of ours: 50 bits.
const BACKUP_CODE_LEN: usize = 10;
/// Characters at least of a code that another system made (NIST SP 800-63B §3.1.2.1: six digits).
pub const IMPORTED_CODE_MIN: usize = 6;
/// Codes at most of a set that another system made: bcrypt digests are tried one by one.
pub const IMPORTED_CODES_MAX: usize = 20;
/// 32 letters and digits that nobody takes for one another.
const LETTERS: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz0";

row! {
    /// An authenticator app.
    pub struct TotpRow {
        pub instance_id: InstanceId,
        pub user_id: UserId,
        pub id: TotpId,
        pub secret_sealed: String,
        /// When a first code was right; until then it proves nothing.
        pub verified_at: Option<Timestamp>,
        /// The last step that was accepted.
        pub last_step: i64,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

row! {
    /// A backup code that was not used.
    pub struct BackupCodeRow {
        pub instance_id: InstanceId,
        pub user_id: UserId,
        /// A MAC of ours, or a digest of another system (`i1$…`).
        pub code_hash: String,
        pub set_id: BackupCodesId,
        pub created_at: Timestamp,
    }
}

impl BackupCodeRow {
    /// Made by another system: only trying it tells whether a code fits.
    #[must_use]
    pub fn is_imported_digest(&self) -> bool {
        self.code_hash.starts_with("i1$")
    }
}

/// A backup code as it is compared: people type it in either case, with spaces and hyphens.
fn normal(code: &str) -> String {
    code.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .flat_map(char::to_lowercase)
        .collect()
}

/// What is stored of a code. The key is not in the database: its rows alone cannot be guessed at.
#[must_use]
pub fn code_mac(key: &[u8; 32], user: &UserId, code: &str) -> String {
    let text = format!("backup_code:{user}:{}", normal(code));
    digest::b64url(&digest::hmac_sha256(key, text.as_bytes()))
}

/// A new code.
#[must_use]
pub fn new_code(rng: &Rng) -> String {
    let letter = |byte: u8| char::from(LETTERS[usize::from(byte & 31)]);
    rng.bytes::<BACKUP_CODE_LEN>().map(letter).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_50_bits_and_no_letter_that_looks_like_another() {
        let mut sorted = LETTERS.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 32);
        assert!(!LETTERS.iter().any(|l| b"1iloA".contains(l)));
        let rng = Rng::seeded(1);
        let (one, two) = (new_code(&rng), new_code(&rng));
        assert_eq!(one.len(), BACKUP_CODE_LEN);
        assert_ne!(one, two);
    }

    #[test]
    fn a_code_fits_its_user_however_it_is_typed() {
        let (ada, bob) = (
            UserId::trusted("user_ada".into()),
            UserId::trusted("user_bob".into()),
        );
        let mac = |user, code| code_mac(&[7; 32], user, code);
        for typed in ["abcde23456", " ABCDE-23456\n", "abcde 23456"] {
            assert_eq!(mac(&ada, "abcde23456"), mac(&ada, typed), "{typed}");
        }
        assert_ne!(mac(&ada, "abcde23456"), mac(&bob, "abcde23456"));
        assert_ne!(mac(&ada, "abcde23456"), mac(&ada, "abcde23457"));
    }
}
