use super::*;

const PEPPER: &[u8] = b"pepper";

fn hashed(password: &str) -> String {
    hash(password, 4, PEPPER, &Rng::seeded(1))
}

#[test]
fn the_right_password_verifies_and_no_other() {
    let stored = hashed("correct horse");
    assert!(stored.starts_with("u1$$2b$04$"));
    assert_eq!(stored.len(), 63);
    assert!(verify(&stored, "correct horse", PEPPER));
    for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
        assert!(!verify(&stored, wrong, PEPPER), "{wrong}");
    }
}

#[test]
fn the_pepper_counts() {
    assert!(!verify(&hashed("x"), "x", b"another"));
}

#[test]
fn the_salt_is_new_each_time() {
    let rng = Rng::seeded(1);
    assert_ne!(hash("x", 4, PEPPER, &rng), hash("x", 4, PEPPER, &rng));
}

#[test]
fn long_passwords_and_nuls_count_in_full() {
    let long = "x".repeat(72);
    assert!(!verify(
        &hashed(&format!("{long}a")),
        &format!("{long}b"),
        PEPPER
    ));
    assert!(!verify(&hashed("a\0b"), "a\0c", PEPPER));
    assert!(!verify(&hashed("a"), "a\0", PEPPER));
}

#[test]
fn composed_and_decomposed_letters_are_the_same() {
    assert!(verify(&hashed("caf\u{e9}"), "cafe\u{301}", PEPPER));
}

#[test]
fn the_format_is_the_documented_one() {
    // python: bcrypt.hashpw(base64.b64encode(hmac.digest(b"pepper", "café".encode(), "sha384")), ..)
    let stored = "u1$$2b$04$b29wSmIA3bgK03UkP6TnFeZnGDvBt4boH.iEnLxZIdCAK/FIHXYPm";
    assert!(verify(stored, "café", PEPPER));
}

#[test]
fn malformed_texts_never_verify() {
    for stored in [
        "", "u1$", "u1$x", "u2$x", "i1$", "i1$md5", "i1$md5$$", "$2b$04$x",
    ] {
        assert!(!verify(stored, "", PEPPER), "{stored}");
        assert!(needs_rehash(stored, 4), "{stored}");
    }
    let ours = hashed("x");
    assert!(!verify(&ours[3..], "x", PEPPER));
    assert!(!verify(&ours[..62], "x", PEPPER));
}

#[test]
fn another_cost_asks_for_a_new_hash() {
    let stored = hashed("x");
    assert!(!needs_rehash(&stored, 4));
    assert!(!needs_rehash(&stored, 0));
    assert!(needs_rehash(&stored, 5));
}

#[test]
fn the_dummy_is_of_its_cost_and_never_verifies() {
    let stored = dummy(4);
    assert!(!needs_rehash(&stored, 4));
    assert!(needs_rehash(&dummy(12), 4));
    for password in ["", "no known secret is here"] {
        assert!(!verify(&stored, password, PEPPER));
    }
}
