//! Text messages leave by the operator's provider: after the request, once, again when it fails, and not for ever.
use crate::peer::{self, Peer};
use crate::phones::ADA;
use crate::world::World;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use usher_notify::{SmsProvider, Twilio, Webhook, webhook_secret};
use usher_server::messages::job::send_due;
use usher_types::Secret;

/// A provider in this process: notes what it is asked, and answers with one status.
struct Provider {
    peer: Peer,
    status: Arc<Mutex<u16>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    async fn start() -> Self {
        let (peer, listener) = Peer::bind().await;
        let status = Arc::new(Mutex::new(200));
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let (says, notes) = (status.clone(), seen.clone());
        Peer::serve(listener, move |asked| {
            let text = format!("{}\r\n\r\n{}", asked.head, asked.body);
            notes.lock().unwrap().push(text);
            let status = *says.lock().unwrap();
            async move { Some(peer::answer(status, "")) }
        });
        Self { peer, status, seen }
    }

    fn url(&self) -> String {
        self.peer.url()
    }

    fn answers(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The same world with this provider behind it.
    async fn behind(&self, world: &World, texts: SmsProvider) -> World {
        world
            .restarted(|options| {
                options.outbound = self.peer.client();
                options.texts = Some(texts);
            })
            .await
    }

    fn webhook(&self) -> SmsProvider {
        SmsProvider::Webhook(Webhook {
            url: format!("{}/sms", self.url()),
            secret: Secret::new(webhook_secret("0123456789abcdef").unwrap()),
            whatsapp: false,
        })
    }
}

/// A sign-in that waits for a code to Ada's number.
async fn waiting(world: &World) -> (crate::browser::Browser, String) {
    world.phones_on().await;
    let ada = world.user_without_password("ada@example.com").await;
    world.number_of(&ada.id, ADA).await;
    let browser = world.browser();
    let id = browser.pending_by_text(ADA).await;
    (browser, id)
}

async fn statuses(world: &World) -> Vec<String> {
    world
        .rows("SELECT status FROM messages WHERE channel <> 'email'", &[])
        .await
}

both! {
    production async fn a_web_hook_gets_the_message_once_and_signed(world: World) {
        let provider = Provider::start().await;
        let world = provider.behind(&world, provider.webhook()).await;
        let (browser, id) = waiting(&world).await;
        assert!(provider.seen().is_empty(), "nothing goes out in the request");
        let code = world.code(ADA).await;
        assert_eq!(send_due(&world.app, None).await.unwrap(), 1);
        assert_eq!(send_due(&world.app, None).await.unwrap(), 0);
        let seen = provider.seen();
        assert_eq!((seen.len(), statuses(&world).await), (1, vec!["sent".to_owned()]));
        let (head, body) = seen[0].split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /sms HTTP/1.1"), "{head}");
        let header = |name: &str| head.lines().find_map(|l| l.strip_prefix(&format!("{name}: "))).unwrap().to_owned();
        let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
        let mac = usher_crypto::digest::hmac_sha256(b"0123456789abcdef", signed.as_bytes());
        let given = header("webhook-signature").replace('+', "-").replace('/', "_");
        assert_eq!(given.trim_end_matches('='), format!("v1,{}", usher_crypto::digest::b64url(&mac)));
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!((event["type"].as_str(), event["data"]["to_phone_number"].as_str(), event["data"]["channel"].as_str()), (Some("sms.created"), Some(ADA), Some("sms")));
        assert!(event["data"]["message"].as_str().unwrap().starts_with(&code));
        let kept = world.rows("SELECT text_body FROM messages WHERE channel = 'sms'", &[]).await;
        assert_eq!(kept, [""], "a sent message keeps no code");
        assert_eq!(browser.attempt_text(&id, &code).await.response()["status"], "complete");
    }

    production async fn twilio_gets_the_message_with_its_credentials(world: World) {
        let provider = Provider::start().await;
        provider.answers(201);
        let twilio = SmsProvider::Twilio(Twilio {
            base_url: provider.url(),
            account_sid: "AC1".to_owned(),
            auth_token: Secret::new("hidden".to_owned()),
            from: "+14165550298".to_owned(),
            messaging_service_sid: String::new(),
            whatsapp_from: String::new(),
        });
        let world = provider.behind(&world, twilio).await;
        let _waiting = waiting(&world).await;
        assert_eq!(send_due(&world.app, None).await.unwrap(), 1);
        let seen = provider.seen();
        assert!(seen[0].starts_with("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1"), "{}", seen[0]);
        assert!(seen[0].contains("Basic QUMxOmhpZGRlbg==") && seen[0].contains("To=%2B12025550273&From=%2B14165550298&Body="), "{}", seen[0]);
        assert_eq!(statuses(&world).await, ["sent"]);
    }

    production async fn a_provider_that_fails_is_asked_again_and_one_that_refuses_is_not(world: World) {
        let provider = Provider::start().await;
        let world = provider.behind(&world, provider.webhook()).await;
        let _waiting = waiting(&world).await;
        provider.answers(500);
        assert_eq!(send_due(&world.app, None).await.unwrap(), 0);
        assert_eq!(send_due(&world.app, None).await.unwrap(), 0);
        assert_eq!((provider.seen().len(), statuses(&world).await), (1, vec!["queued".to_owned()]));
        world.advance_secs(11);
        provider.answers(400);
        assert_eq!(send_due(&world.app, None).await.unwrap(), 0);
        assert_eq!((provider.seen().len(), statuses(&world).await), (2, vec!["failed".to_owned()]));
    }

    production async fn a_code_that_is_too_old_costs_no_message(world: World) {
        let provider = Provider::start().await;
        let world = provider.behind(&world, provider.webhook()).await;
        let _waiting = waiting(&world).await;
        world.advance_minutes(11);
        assert_eq!(send_due(&world.app, None).await.unwrap(), 0);
        assert_eq!((provider.seen().len(), statuses(&world).await), (0, vec!["failed".to_owned()]));
    }

    production async fn without_a_provider_texts_wait_and_are_not_taken_for_mail(world: World) {
        let _waiting = waiting(&world).await;
        assert_eq!(send_due(&world.app, None).await.unwrap(), 0);
        assert_eq!(statuses(&world).await, ["queued"]);
    }
}
