use serde_json::json;

use super::*;
use crate::{
    digest::{b64url, hmac_sha256},
    jwt::{Category, Signer},
    signing::tests::KEY,
};

const CLAIMS: &str = r#"{"sub":"user_1"}"#;

fn find(kid: &str) -> Option<PublicKey> {
    (kid == "ins_1").then(|| KEY.public())
}

fn token() -> String {
    Signer::new(KEY.clone(), "ins_1")
        .sign(Category::Session, 5, CLAIMS)
        .unwrap()
}

/// A token rightly signed by our key over any header and claims.
fn forge(header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        b64url(header.as_bytes()),
        b64url(claims.as_bytes())
    );
    let signature = KEY.sign_rs256(message.as_bytes()).unwrap();
    format!("{message}.{}", b64url(&signature))
}

fn refusal(token: &str) -> JwtError {
    verify(token, find).unwrap_err()
}

#[test]
fn our_token_verifies() {
    let verified = verify(&token(), find).unwrap();
    assert_eq!(verified.claims, json!({"sub": "user_1"}));
    assert_eq!(verified.header["oiat"], 5);
    let untyped = forge(r#"{"alg":"RS256","kid":"ins_1"}"#, CLAIMS);
    assert!(verify(&untyped, find).is_ok());
}

#[test]
fn no_other_algorithm_is_accepted() {
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""""#,
        r#""HS256""#,
        r#""RS384""#,
        r#""PS256""#,
        r#""rs256""#,
        "null",
        r#"["RS256"]"#,
    ] {
        let header = format!(r#"{{"alg":{alg},"kid":"ins_1","typ":"JWT"}}"#);
        assert_eq!(
            refusal(&forge(&header, CLAIMS)),
            JwtError::Algorithm,
            "{alg}"
        );
    }
    let without = forge(r#"{"kid":"ins_1","typ":"JWT"}"#, CLAIMS);
    assert_eq!(refusal(&without), JwtError::Algorithm);
}

#[test]
fn an_unsigned_token_is_refused() {
    let header = b64url(br#"{"alg":"none","kid":"ins_1","typ":"JWT"}"#);
    let claims = b64url(CLAIMS.as_bytes());
    assert_eq!(refusal(&format!("{header}.{claims}.")), JwtError::Algorithm);
    assert_eq!(refusal(&format!("{header}.{claims}")), JwtError::Malformed);
    let header = b64url(br#"{"alg":"RS256","kid":"ins_1","typ":"JWT"}"#);
    assert_eq!(refusal(&format!("{header}.{claims}.")), JwtError::Signature);
}

#[test]
fn an_hmac_under_the_public_key_is_refused() {
    for alg in ["HS256", "RS256"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"ins_1","typ":"JWT"}}"#);
        let message = format!(
            "{}.{}",
            b64url(header.as_bytes()),
            b64url(CLAIMS.as_bytes())
        );
        let tag = hmac_sha256(KEY.public_pem().as_bytes(), message.as_bytes());
        assert!(verify(&format!("{message}.{}", b64url(&tag)), find).is_err());
    }
}

#[test]
fn the_kid_must_be_a_string_and_known() {
    let missing = [
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"RS256","kid":7}"#,
        r#"{"alg":"RS256","kid":null}"#,
    ];
    for header in missing {
        assert_eq!(refusal(&forge(header, CLAIMS)), JwtError::MissingKid);
    }
    let unknown = forge(r#"{"alg":"RS256","kid":"ins_2"}"#, CLAIMS);
    assert_eq!(refusal(&unknown), JwtError::UnknownKey);
}

#[test]
fn another_type_and_critical_parameters_are_refused() {
    let access = forge(r#"{"alg":"RS256","kid":"ins_1","typ":"at+jwt"}"#, CLAIMS);
    assert_eq!(refusal(&access), JwtError::Type);
    assert!(verify_typed(&access, "at+jwt", find).is_ok());
    assert_eq!(verify_typed(&token(), "at+jwt", find), Err(JwtError::Type));
    let null = forge(r#"{"alg":"RS256","kid":"ins_1","typ":null}"#, CLAIMS);
    assert_eq!(refusal(&null), JwtError::Type);
    let critical = forge(
        r#"{"alg":"RS256","kid":"ins_1","crit":["b64"],"b64":false}"#,
        CLAIMS,
    );
    assert_eq!(refusal(&critical), JwtError::Critical);
}

#[test]
fn anything_around_the_three_parts_is_refused() {
    let token = token();
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let altered = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{claims}.{claims}.{signature}"),
        format!("{header}.{token}"),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token}A"),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}=.{signature}"),
        format!("{header}\0.{claims}.{signature}"),
        format!("Bearer {token}"),
    ];
    for text in altered {
        assert!(verify(&text, find).is_err(), "{text:?}");
    }
}

#[test]
fn every_bit_of_the_signature_counts() {
    let token = token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = b64url_decode(signature).unwrap();
    for bit in (0..signature.len() * 8).step_by(7) {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let flipped = format!("{message}.{}", b64url(&flipped));
        assert_eq!(refusal(&flipped), JwtError::Signature);
    }
    let claims = b64url(br#"{"sub":"user_2"}"#);
    let header = token.split('.').next().unwrap();
    let swapped = format!("{header}.{claims}.{}", b64url(&signature));
    assert_eq!(refusal(&swapped), JwtError::Signature);
}

#[test]
fn stray_bits_of_the_last_character_are_refused() {
    // 256 bytes leave 4 stray bits in the last of 342 characters: 16 texts, one of them accepted.
    let token = token();
    let accepted = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        .chars()
        .filter(|last| verify(&format!("{}{last}", &token[..token.len() - 1]), find).is_ok())
        .count();
    assert_eq!(accepted, 1);
}

#[test]
fn parts_that_are_not_objects_are_refused() {
    let header = r#"{"alg":"RS256","kid":"ins_1","typ":"JWT"}"#;
    for part in [
        "",
        "[]",
        "1",
        "null",
        "{",
        "{}x",
        "\"{}\"",
        r#"{"alg":"none","alg":"RS256","kid":"ins_1"}"#,
        r#"{"alg":"RS256","kid":"ins_1","\u0061lg":"RS256"}"#,
    ] {
        assert_eq!(refusal(&forge(header, part)), JwtError::Malformed, "{part}");
        assert_eq!(refusal(&forge(part, CLAIMS)), JwtError::Malformed, "{part}");
    }
}

#[test]
fn a_long_token_is_refused_unread() {
    let header = r#"{"alg":"RS256","kid":"ins_1"}"#;
    let long = forge(header, &format!(r#"{{"x":"{}"}}"#, "y".repeat(12_000)));
    assert!(long.len() > MAX_LEN);
    assert_eq!(refusal(&long), JwtError::Malformed);
    let fits = forge(header, &format!(r#"{{"x":"{}"}}"#, "y".repeat(11_900)));
    assert!(fits.len() <= MAX_LEN && verify(&fits, find).is_ok());
}

#[test]
fn times_are_checked_with_leeway() {
    let at = |claims: Value, now| {
        Verified {
            header: json!({}),
            claims,
        }
        .check_times(now, 5)
    };
    assert_eq!(at(json!({}), 100), Ok(()));
    assert_eq!(at(json!({"exp": 96, "nbf": 105, "iat": 105}), 100), Ok(()));
    assert_eq!(at(json!({"exp": 95.5}), 100), Ok(()));
    assert_eq!(at(json!({"exp": 95}), 100), Err(JwtError::Expired));
    assert_eq!(at(json!({"nbf": 106}), 100), Err(JwtError::NotActiveYet));
    assert_eq!(
        at(json!({"iat": 106}), 100),
        Err(JwtError::IssuedInTheFuture)
    );
    assert_eq!(at(json!({"exp": 1}), i64::MAX), Err(JwtError::Expired));
    for claim in ["exp", "nbf", "iat"] {
        for value in [json!("100"), json!(null), json!([100]), json!(true)] {
            assert_eq!(at(json!({claim: value}), 100), Err(JwtError::NotATime));
        }
    }
}
