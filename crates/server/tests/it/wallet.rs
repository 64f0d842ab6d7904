//! Wallets that tests hold: an Ethereum one that signs as `personal_sign` does, a Solana one. Independent of the code under test.
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k256::ecdsa::SigningKey;
use sha3::{Digest as _, Keccak256};

/// A key, and the address that it is known by.
pub(crate) enum Wallet {
    Ethereum(SigningKey),
    Solana(Ed25519KeyPair),
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn base58(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits = vec![0_u32];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit * 256;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let text = digits.iter().rev();
    text.map(|d| char::from(DIGITS[usize::try_from(*d).unwrap()]))
        .collect()
}

impl Wallet {
    pub(crate) fn ethereum(seed: u8) -> Self {
        Self::ethereum_of(&[seed; 32])
    }
    pub(crate) fn ethereum_of(key: &[u8; 32]) -> Self {
        Self::Ethereum(SigningKey::from_slice(key).unwrap())
    }
    pub(crate) fn solana(seed: u8) -> Self {
        Self::Solana(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }
    /// As wallets give it: Ethereum's in lower case.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Ethereum(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let hash = Keccak256::digest(&point.as_bytes()[1..]);
                format!("0x{}", hex(&hash[12..]))
            }
            Self::Solana(pair) => base58(pair.public_key().as_ref()),
        }
    }
    pub(crate) fn sign(&self, message: &str) -> String {
        match self {
            Self::Ethereum(key) => {
                let text = format!("\x19Ethereum Signed Message:\n{}{message}", message.len());
                let hash = Keccak256::digest(text.as_bytes());
                let (signature, parity) = key.sign_prehash_recoverable(&hash);
                let v = 27 + u8::from(parity.is_y_odd());
                format!("0x{}{v:02x}", hex(&signature.to_bytes()))
            }
            Self::Solana(pair) => STANDARD.encode(pair.sign(message.as_bytes())),
        }
    }
    /// The strategy that the tests sign with.
    pub(crate) fn strategy(&self) -> &'static str {
        match self {
            Self::Ethereum(_) => "web3_metamask_signature",
            Self::Solana(_) => "web3_solana_signature",
        }
    }
}
