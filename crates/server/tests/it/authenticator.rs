//! An authenticator in software (WebAuthn Level 3 §6): it makes a P-256 credential and signs challenges with it, and can be
//! told to do each step wrongly.
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use usher_crypto::digest;

/// User present.
pub(crate) const UP: u8 = 1;
/// User verified.
pub(crate) const UV: u8 = 4;
/// Backup eligible.
pub(crate) const BE: u8 = 8;
/// Backup state.
pub(crate) const BS: u8 = 16;
/// Attested credential data are there.
const AT: u8 = 64;

/// One key on one authenticator.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    pub(crate) counter: u32,
    /// The user handle it was given.
    pub(crate) handle: Option<String>,
}

/// How a ceremony goes; the default is by the book.
#[derive(Clone, Debug)]
pub(crate) struct Ceremony {
    pub(crate) kind: Option<&'static str>,
    pub(crate) challenge: Option<String>,
    pub(crate) origin: String,
    pub(crate) cross_origin: bool,
    pub(crate) rp_id: String,
    pub(crate) flags: u8,
    /// COSE's number of the algorithm in the key; -7 is ES256.
    pub(crate) algorithm: i8,
    /// The signature's last byte is another one.
    pub(crate) broken: bool,
}

impl Ceremony {
    pub(crate) fn at(origin: &str, rp_id: &str) -> Self {
        Self {
            kind: None,
            challenge: None,
            origin: origin.to_owned(),
            cross_origin: false,
            rp_id: rp_id.to_owned(),
            flags: UP | UV,
            algorithm: -7,
            broken: false,
        }
    }
}

impl Authenticator {
    pub(crate) fn new(id: &[u8]) -> Self {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self {
            key: EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap(),
            id: id.to_vec(),
            counter: 0,
            handle: None,
        }
    }

    fn client_data(how: &Ceremony, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = how
            .challenge
            .clone()
            .unwrap_or_else(|| options["challenge"].as_str().unwrap().to_owned());
        json!({ "type": how.kind.unwrap_or(kind), "challenge": challenge, "origin": how.origin, "crossOrigin": how.cross_origin })
            .to_string()
            .into_bytes()
    }

    fn data(&self, how: &Ceremony, flags: u8) -> Vec<u8> {
        let mut data = digest::sha256(how.rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// What `navigator.credentials.create()` gives, as the official library sends it.
    pub(crate) fn create(&mut self, options: &Value, how: &Ceremony) -> String {
        let client = Self::client_data(how, "webauthn.create", options);
        let handle = digest::b64url_decode(options["user"]["id"].as_str().unwrap()).unwrap();
        self.handle = Some(String::from_utf8(handle).unwrap());
        let mut data = self.data(how, how.flags | AT);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        // COSE_Key: kty 2, alg, crv 1, x, y.
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 1, 2, 3]);
        data.push(0x20 | u8::try_from(-1 - how.algorithm).unwrap());
        data.extend([0x20, 1, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = vec![0xa3];
        for word in ["fmt", "none"] {
            object.push(0x60 | u8::try_from(word.len()).unwrap());
            object.extend(word.as_bytes());
        }
        object.push(0x67);
        object.extend(b"attStmt");
        object.push(0xa0);
        object.push(0x68);
        object.extend(b"authData");
        object.push(0x59);
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(&data);
        let id = digest::b64url(&self.id);
        json!({
            "type": "public-key", "id": id, "rawId": id, "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": digest::b64url(&client), "attestationObject": digest::b64url(&object), "transports": ["internal"],
            },
        })
        .to_string()
    }

    /// What `navigator.credentials.get()` gives.
    pub(crate) fn prove(&mut self, options: &Value, how: &Ceremony) -> String {
        self.counter += 1;
        let client = Self::client_data(how, "webauthn.get", options);
        let data = self.data(how, how.flags);
        let signed = [data.as_slice(), &digest::sha256(&client)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let mut signature = signature.as_ref().to_vec();
        if how.broken {
            *signature.last_mut().unwrap() ^= 1;
        }
        let id = digest::b64url(&self.id);
        json!({
            "type": "public-key", "id": id, "rawId": id, "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": digest::b64url(&client), "authenticatorData": digest::b64url(&data),
                "signature": digest::b64url(&signature),
                "userHandle": self.handle.as_ref().map(|h| digest::b64url(h.as_bytes())),
            },
        })
        .to_string()
    }
}
