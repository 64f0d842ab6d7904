//! Published vectors: EIP-55, web3.js `accounts.sign`, RFC 8032 §7.1, and what must never pass.
use super::*;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use k256::ecdsa::SigningKey;

const ADDRESS: &str = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
const SIGNED: &str = "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c";

fn address() -> EthereumAddress {
    EthereumAddress::parse(ADDRESS).unwrap()
}

#[test]
fn addresses_are_read_in_one_case_or_with_their_checksum() {
    // The examples of EIP-55.
    for text in [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ] {
        let lower = text.to_lowercase();
        assert_eq!(EthereumAddress::parse(text).unwrap().to_string(), text);
        assert_eq!(EthereumAddress::parse(&lower).unwrap().to_string(), text);
    }
    for bad in [
        "",
        "0x",
        "2c7536E3605D9C16a7a3D7b1898e529396a65c23",
        "0X2c7536e3605d9c16a7a3d7b1898e529396a65c23",
        "0x2C7536E3605D9C16a7a3D7b1898e529396a65c23",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c2",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c2g",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c2300",
        " 0x2c7536e3605d9c16a7a3d7b1898e529396a65c23",
        "0x2c7536e3605d9c16a7a3d7b1898e529396a65c\u{e9}",
    ] {
        assert_eq!(EthereumAddress::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_signature_is_one_keys_over_one_message_and_has_one_text() {
    assert_eq!(address().verify("Some data", SIGNED), Ok(()));
    let zero_based = format!("{}01", &SIGNED[..130]);
    assert_eq!(address().verify("Some data", &zero_based), Ok(()));
    assert_eq!(address().verify("Some datb", SIGNED), Err(Refusal::Wrong));
    assert_eq!(address().verify("", SIGNED), Err(Refusal::Wrong));
    let other = EthereumAddress::parse("0x52908400098527886E0F7030069857D2E4169EE7").unwrap();
    assert_eq!(other.verify("Some data", SIGNED), Err(Refusal::Wrong));
    // The other parity is another key's.
    let flipped = format!("{}1b", &SIGNED[..130]);
    assert_eq!(address().verify("Some data", &flipped), Err(Refusal::Wrong));
    for bad in [
        "".to_owned(),
        "0x".to_owned(),
        SIGNED[2..].to_owned(),
        SIGNED[..130].to_owned(),
        format!("{}02", &SIGNED[..130]),
        format!("{}1d", &SIGNED[..130]),
        format!("{}25", &SIGNED[..130]),
        format!("0x{}{}1c", "0".repeat(64), &SIGNED[66..130]),
        format!("0x{}{}1c", &SIGNED[2..66], "0".repeat(64)),
        format!("0x{}{}1c", "f".repeat(64), &SIGNED[66..130]),
        SIGNED.replace('b', "g"),
    ] {
        assert_eq!(
            address().verify("Some data", &bad),
            Err(Refusal::Malformed),
            "{bad}"
        );
    }
    for smart in [
        format!("{SIGNED}00"),
        format!("0x{}{}", "00".repeat(96), "6492".repeat(16)),
    ] {
        assert_eq!(
            address().verify("Some data", &smart),
            Err(Refusal::SmartWallet)
        );
    }
}

#[test]
fn the_upper_half_of_s_is_refused_though_its_key_is_the_right_one() {
    let bytes = hex(&SIGNED[2..130]).unwrap();
    let low = Signature::from_slice(&bytes).unwrap();
    let high = Signature::from_scalars(low.r().to_bytes(), (-*low.s()).to_bytes()).unwrap();
    let text: String = high.to_bytes().iter().map(|b| format!("{b:02x}")).collect();
    for v in ["1b", "1c"] {
        assert_eq!(
            address().verify("Some data", &format!("0x{text}{v}")),
            Err(Refusal::Malformed)
        );
    }
}

#[test]
fn what_a_fresh_key_signs_is_its_own_address() {
    for seed in 1_u8..8 {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        let address = EthereumAddress::of(key.verifying_key());
        let message = "x".repeat(usize::from(seed) * 40);
        let length = message.len().to_string();
        let hash = keccak256(&[
            b"\x19Ethereum Signed Message:\n",
            length.as_bytes(),
            message.as_bytes(),
        ]);
        let (signature, parity) = key.sign_prehash_recoverable(&hash);
        let text: String = signature
            .to_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let v = 27 + u8::from(parity.is_y_odd());
        assert_eq!(
            address.verify(&message, &format!("0x{text}{v:02x}")),
            Ok(())
        );
    }
}

fn base58(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 58).unwrap();
            carry /= 58;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 58).unwrap());
            carry /= 58;
        }
    }
    let ones = bytes.iter().take_while(|b| **b == 0).map(|_| '1');
    ones.chain(
        digits
            .iter()
            .rev()
            .map(|d| char::from(BASE58[usize::from(*d)])),
    )
    .collect()
}

#[test]
fn solanas_addresses_are_32_bytes_in_their_one_form() {
    for text in [
        "So11111111111111111111111111111111111111112",
        "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
    ] {
        let address = SolanaAddress::parse(text).unwrap();
        assert_eq!(base58(&address.0), text);
    }
    for bad in [
        "".to_owned(),
        // The system program: all zeros, a point of order 4.
        "1".repeat(32),
        "1".repeat(33),
        "z".repeat(44),
        "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWW0".to_owned(),
        "19WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM".to_owned(),
        "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWMM".to_owned(),
        "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWW\u{e9}".to_owned(),
    ] {
        assert_eq!(SolanaAddress::parse(&bad), None, "{bad}");
    }
    for point in SMALL_ORDER {
        for sign in [0, 0x80] {
            let mut bytes = point;
            bytes[31] |= sign;
            assert_eq!(SolanaAddress::parse(&base58(&bytes)), None, "{bytes:?}");
        }
    }
}

#[test]
fn solanas_signatures_are_ed25519s() {
    // RFC 8032 §7.1, test 2.
    let key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c").unwrap();
    let signed = hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00").unwrap();
    let address = SolanaAddress::parse(&base58(&key)).unwrap();
    assert_eq!(address.verify("r", &STANDARD.encode(&signed)), Ok(()));
    assert_eq!(
        address.verify("s", &STANDARD.encode(&signed)),
        Err(Refusal::Wrong)
    );
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let own = SolanaAddress::parse(&base58(pair.public_key().as_ref())).unwrap();
    let text = STANDARD.encode(pair.sign(b"a message"));
    assert_eq!(own.verify("a message", &text), Ok(()));
    assert_eq!(address.verify("a message", &text), Err(Refusal::Wrong));
    for bad in ["", "AAAA", &text[1..], &format!("{text}AAAA"), "0x00"] {
        assert_eq!(
            own.verify("a message", bad),
            Err(Refusal::Malformed),
            "{bad}"
        );
    }
}
