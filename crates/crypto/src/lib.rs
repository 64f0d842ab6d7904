//! Every cryptographic operation of Usher, behind small functions with one way to use each.
//!
//! - [`rng`]: random bytes, codes and identifiers ([`rng::Rng`]).
//! - [`custom`]: keys that an operator brings along: HMAC, RSA, ECDSA ([`custom::CustomKey`]).
//! - [`digest`]: SHA-2, HMAC, base64url and comparison in constant time.
//! - [`seal`]: authenticated encryption of secrets at rest under one master key ([`seal::Master`]).
//! - [`signing`]: RSA keys and RS256 signatures ([`signing::SigningKey`], [`signing::PublicKey`]).
//! - [`es256`]: keys in devices, and what they sign.
//! - [`ec`]: keys on P-256 and ES256 signatures ([`ec::EcKey`], [`ec::EcPublic`]).
//! - [`jwt`]: making and strictly verifying RS256 JWTs ([`jwt::Signer`], [`jwt::verify`]).
//! - [`password`]: password verifiers, our own and imported ones.
//! - [`webauthn`]: passkeys, the relying party's side.
//! - [`pool`]: bounded threads of low priority for password hashing ([`pool::HashPool`]).
//! - [`totp`]: codes of authenticator apps, and base32.
//! - [`web3`]: wallets of Ethereum and Solana, and what they sign.
//!
//! Not here: cookies, ids, and where keys are stored.

pub mod custom;
pub mod digest;
pub mod ec;
pub mod es256;
pub mod jwt;
pub mod password;
pub mod pool;
pub mod rng;
pub mod seal;
pub mod signing;
pub mod totp;
pub mod web3;
pub mod webauthn;

pub use digest::equal;
