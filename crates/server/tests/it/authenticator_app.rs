//! A person's authenticator app, and what tests do with one.
use crate::answer::Answer;
use crate::browser::Browser;
use crate::world::{User, World};
use serde_json::Value;
use usher_crypto::totp;

/// An app with one secret. It shows codes by the world's clock.
#[derive(Clone)]
pub(crate) struct AuthenticatorApp {
    world: World,
    secret: Vec<u8>,
    /// The backup codes that came with it.
    pub(crate) backup_codes: Vec<String>,
}

impl AuthenticatorApp {
    pub(crate) fn new(world: &World, base32: &str) -> Self {
        Self {
            world: world.clone(),
            secret: totp::base32_decode(base32).unwrap().to_vec(),
            backup_codes: Vec::new(),
        }
    }

    /// The code now.
    pub(crate) fn code(&self) -> String {
        self.code_at(0)
    }

    /// The code so many steps from now.
    pub(crate) fn code_at(&self, steps: i64) -> String {
        let step = totp::step_of(self.world.now().secs());
        totp::code_at(&self.secret, step + steps)
    }

    /// A code that is none of the present ones.
    pub(crate) fn wrong(&self) -> String {
        let right: Vec<String> = (-2..=2).map(|s| self.code_at(s)).collect();
        let mut all = (0..).map(|n| format!("{n:06}"));
        all.find(|code| !right.contains(code)).unwrap()
    }
}

/// The codes of a list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list}"));
    list.iter()
        .map(|c| c.as_str().unwrap().to_owned())
        .collect()
}

impl World {
    /// Authenticator apps and backup codes are offered.
    pub(crate) async fn second_factors_on(&self) {
        self.settings(|s| {
            s.attributes.authenticator_app = true;
            s.attributes.backup_code = true;
        })
        .await;
    }

    /// A fresh user with an authenticator app, signed in, and a step later: no code of before is accepted any more.
    pub(crate) async fn enrolled(
        &self,
        address: &str,
    ) -> (Browser, User, String, AuthenticatorApp) {
        self.second_factors_on().await;
        let (browser, user, session) = self.signed_in(address).await;
        let app = browser.enrol().await;
        self.advance_secs(90);
        (browser, user, session, app)
    }
}

impl Browser {
    /// Sets an authenticator app up.
    pub(crate) async fn enrol(&self) -> AuthenticatorApp {
        let begun = self.post("/v1/me/totp", &[]).await.response();
        let mut app = AuthenticatorApp::new(&self.world, begun["secret"].as_str().unwrap());
        let done = self.verify_app(&app.code()).await.response();
        assert_eq!(done["verified"], true, "{done}");
        if !done["backup_codes"].is_null() {
            app.backup_codes = texts(&done["backup_codes"]);
        }
        app
    }

    pub(crate) async fn verify_app(&self, code: &str) -> Answer {
        self.post("/v1/me/totp/attempt_verification", &[("code", code)])
            .await
    }

    /// A sign-in whose first factor, a mailed code, is proved, and that waits for the second one; its id.
    pub(crate) async fn half_signed_in(&self, address: &str) -> String {
        let id = self.pending_sign_in(address).await;
        let code = self.world.code(address).await;
        let half = self.attempt_code(&id, &code).await.response();
        assert_eq!(half["status"], "needs_second_factor", "{half}");
        id
    }

    pub(crate) async fn attempt_second(&self, id: &str, strategy: &str, code: &str) -> Answer {
        self.post(
            &format!("/v1/client/sign_ins/{id}/attempt_second_factor"),
            &[("strategy", strategy), ("code", code)],
        )
        .await
    }
}
