//! Wallets: addresses, and signatures over messages that a person reads.
//!
//! Ethereum: addresses as EIP-55 writes them, `personal_sign` (ERC-191 version `0x45`) over secp256k1 with the key recovered from
//! the signature. Solana: an address is an Ed25519 public key (RFC 8032) in base58.
//! Not here: signatures of smart-contract wallets (ERC-1271, ERC-6492): only a node of the chain can tell whether one is right.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest as _, Keccak256};

/// Why a signature proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not the text of a signature.
    Malformed,
    /// The signature of a smart-contract wallet.
    SmartWallet,
    /// Another key's, or over another message.
    Wrong,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a signature",
            Self::SmartWallet => "a smart-contract wallet's signature",
            Self::Wrong => "another key's or another message's signature",
        })
    }
}

impl std::error::Error for Refusal {}

fn keccak256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Keccak256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// The address of an account on Ethereum and the chains that are made like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthereumAddress([u8; 20]);

impl EthereumAddress {
    /// Reads `0x` and 40 hexadecimal digits. Digits in both cases carry a checksum (EIP-55), which must be right: a mistyped
    /// address is somebody else's, or nobody's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?;
        let bytes: [u8; 20] = hex(digits)?.try_into().ok()?;
        let address = Self(bytes);
        let mixed = digits.bytes().any(|b| b.is_ascii_lowercase())
            && digits.bytes().any(|b| b.is_ascii_uppercase());
        (!mixed || address.to_string() == text).then_some(address)
    }
    /// Whether the signature, `0x` and 130 hexadecimal digits, was made over `message` by this account's key.
    ///
    /// One signature has one text: the upper half of `s` is refused (EIP-2), and so is every other length.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn verify(&self, message: &str, signature: &str) -> Result<(), Refusal> {
        let bytes = signature
            .strip_prefix("0x")
            .and_then(hex)
            .ok_or(Refusal::Malformed)?;
        let [rs @ .., v] = bytes.as_slice() else {
            return Err(Refusal::Malformed);
        };
        if bytes.len() > 65 {
            return Err(Refusal::SmartWallet);
        }
        let parity = match v {
            0 | 27 => false,
            1 | 28 => true,
            _ => return Err(Refusal::Malformed),
        };
        let signature = Signature::from_slice(rs).map_err(|_| Refusal::Malformed)?;
        if signature.normalize_s() != signature {
            return Err(Refusal::Malformed);
        }
        let length = message.len().to_string();
        let hash = keccak256(&[
            b"\x19Ethereum Signed Message:\n",
            length.as_bytes(),
            message.as_bytes(),
        ]);
        let key =
            VerifyingKey::recover_from_prehash(&hash, &signature, RecoveryId::new(parity, false))
                .map_err(|_| Refusal::Wrong)?;
        if Self::of(&key) == *self {
            Ok(())
        } else {
            Err(Refusal::Wrong)
        }
    }
    /// The address of a key: the end of the hash of its coordinates.
    fn of(key: &VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        let hash = keccak256(&[point.as_bytes().get(1..).unwrap_or_default()]);
        let mut address = [0; 20];
        address.copy_from_slice(&hash[12..]);
        Self(address)
    }
}

impl fmt::Display for EthereumAddress {
    /// With its checksum (EIP-55).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower: String = self.0.iter().map(|b| format!("{b:02x}")).collect();
        let hash = keccak256(&[lower.as_bytes()]);
        f.write_str("0x")?;
        for (index, digit) in lower.chars().enumerate() {
            let byte = hash.get(index / 2).copied().unwrap_or_default();
            let nibble = if index % 2 == 0 {
                byte >> 4
            } else {
                byte & 0x0f
            };
            let upper = nibble >= 8;
            write!(
                f,
                "{}",
                if upper {
                    digit.to_ascii_uppercase()
                } else {
                    digit
                }
            )?;
        }
        Ok(())
    }
}

/// Bytes of hexadecimal digits, two each.
fn hex(digits: &str) -> Option<Vec<u8>> {
    let value = |b: &u8| {
        char::from(*b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pair = |two: &[u8]| match two {
        [high, low] => Some(value(high)? << 4 | value(low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// The address of an account on Solana that has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SolanaAddress([u8; 32]);

/// Encodings of the points of small order, the sign left out, also those that are not reduced: with one of them for a key,
/// signatures that anybody can make fit.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    end_of_field(0xec),
    end_of_field(0xed),
    end_of_field(0xee),
];

/// `2^255 - 256 + low`, little-endian.
const fn end_of_field(low: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = low;
    bytes[31] = 0x7f;
    bytes
}

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

impl SolanaAddress {
    /// Reads base58 of 32 bytes. Keys of small order are none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !(32..=44).contains(&text.len()) {
            return None;
        }
        let mut bytes = [0_u8; 32];
        for character in text.bytes() {
            let digit = BASE58.iter().position(|b| *b == character)?;
            let mut carry = u32::try_from(digit).ok()?;
            for byte in bytes.iter_mut().rev() {
                carry += u32::from(*byte) * 58;
                *byte = u8::try_from(carry & 0xff).unwrap_or_default();
                carry >>= 8;
            }
            if carry != 0 {
                return None;
            }
        }
        // A leading zero is a leading 1: the same number with fewer or more of them is another length.
        let ones = text.bytes().take_while(|b| *b == b'1').count();
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        let mut unsigned = bytes;
        unsigned[31] &= 0x7f;
        (ones == zeros && !SMALL_ORDER.contains(&unsigned)).then_some(Self(bytes))
    }
    /// Whether the signature, base64 of 64 bytes, was made over `message` by this account's key.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn verify(&self, message: &str, signature: &str) -> Result<(), Refusal> {
        let bytes = STANDARD.decode(signature).map_err(|_| Refusal::Malformed)?;
        if bytes.len() != 64 {
            return Err(Refusal::Malformed);
        }
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message.as_bytes(), &bytes)
            .map_err(|_| Refusal::Wrong)
    }
}

#[cfg(test)]
#[path = "web3_tests.rs"]
mod tests;
