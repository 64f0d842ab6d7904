//! The five doors that a new password comes in by: sign-up, change, reset, and the operator's create and update.
use crate::answer::Answer;
use crate::browser::Browser;
use crate::world::World;
use serde_json::json;

/// Somebody who stands at all five.
pub(crate) struct Doors {
    world: World,
    address: String,
    user: String,
    signed_in: Browser,
    resetting: (Browser, String),
    password: String,
    count: u32,
}

impl Doors {
    /// `address` is the identifier at each door.
    pub(crate) async fn new(world: &World, address: &str) -> Self {
        // What is asked at these doors is the password; who comes, and when they proved it last, is another question.
        world.settings(|s| s.reverification = false).await;
        let user = world.user(address).await;
        let signed_in = world.browser();
        signed_in.sign_in(address).await;
        let resetting = Self::reset(world, address).await;
        Self {
            world: world.clone(),
            address: address.to_owned(),
            user: user.id,
            signed_in,
            resetting,
            password: crate::browser::PASSWORD.to_owned(),
            count: 0,
        }
    }

    /// A browser that has proved the address and is to set a new password, and its attempt.
    async fn reset(world: &World, address: &str) -> (Browser, String) {
        // Codes to one address are limited by the hour.
        world.advance_secs(3601);
        let browser = world.browser();
        let strategy = "reset_password_email_code";
        let started = browser
            .post(
                "/v1/client/sign_ins",
                &[("identifier", address), ("strategy", strategy)],
            )
            .await
            .response();
        let path = format!("/v1/client/sign_ins/{}", started["id"].as_str().unwrap());
        let code = world.code(address).await;
        let proved = browser
            .post(
                &format!("{path}/attempt_first_factor"),
                &[("strategy", strategy), ("code", &code)],
            )
            .await
            .response();
        assert_eq!(proved["status"], "needs_new_password");
        (browser, format!("{path}/reset_password"))
    }

    /// Asserts that every door refuses a password with this code, names its field, says why without repeating it, and leaves
    /// everything as it was.
    pub(crate) async fn refuse(&self, password: &str, code: &str) {
        for (param, answer) in self.try_all(password).await {
            answer.refused(422, &format!("{code} {param}"));
            assert!(
                password.len() < 8 || !answer.body.contains(password),
                "{}",
                answer.asked
            );
        }
    }

    async fn try_all(&self, password: &str) -> Vec<(&'static str, Answer)> {
        let (world, server) = (&self.world, self.world.server());
        let visitor = world.browser();
        visitor.post("/v1/client", &[]).await.ok();
        let new = [
            ("email_address", self.address.as_str()),
            ("password", password),
        ];
        let sign_up = visitor.post("/v1/client/sign_ups", &new);
        let changed = [
            ("current_password", self.password.as_str()),
            ("new_password", password),
        ];
        let change = self.signed_in.post("/v1/me/change_password", &changed);
        let form = [("password", password)];
        let reset = self.resetting.0.post(&self.resetting.1, &form);
        let create = server.post(
            "/v1/users",
            json!({ "email_address": [self.address], "password": password }),
        );
        let path = format!("/v1/users/{}", self.user);
        let update = server.patch(&path, json!({ "password": password }));
        vec![
            ("password", world.unchanged(sign_up).await),
            ("new_password", world.unchanged(change).await),
            ("password", world.unchanged(reset).await),
            ("password", world.unchanged(create).await),
            ("password", world.unchanged(update).await),
        ]
    }

    /// Asserts that every door takes a password. It is the user's afterwards.
    pub(crate) async fn take(&mut self, password: &str) {
        self.count += 1;
        let (world, server) = (&self.world, self.world.server());
        let other = format!("other{}.{}", self.count, self.address);
        let path = format!("/v1/users/{}", self.user);
        world
            .browser()
            .post(
                "/v1/client/sign_ups",
                &[("email_address", &other), ("password", password)],
            )
            .await
            .ok();
        server
            .post(
                "/v1/users",
                json!({ "email_address": [other], "password": password }),
            )
            .await
            .ok();
        server
            .post(&format!("{path}/remove_password"), json!({}))
            .await
            .ok();
        self.signed_in
            .post("/v1/me/change_password", &[("new_password", password)])
            .await
            .ok();
        server
            .patch(&path, json!({ "password": password }))
            .await
            .ok();
        let form = [("password", password)];
        let done = self
            .resetting
            .0
            .post(&self.resetting.1, &form)
            .await
            .response();
        assert_eq!(done["status"], "complete");
        password.clone_into(&mut self.password);
        self.resetting = Self::reset(world, &self.address).await;
    }
}
