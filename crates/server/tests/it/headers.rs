//! The headers of every answer there is (OWASP ASVS v5 3.4, 14.3.2).
use crate::answer::Answer;
use crate::edge::filled;
use crate::world::World;
use bytes::Bytes;
use usher_server::route::Api;

/// What anybody may keep: it says nothing of anybody.
const PUBLIC: &[&str] = &[
    "/.well-known/",
    "/openapi/",
    "/avatars/",
    "/_usher/",
    "/npm/",
    "/favicon.ico",
];

const PAGES: &[&str] = &[
    "/",
    "/sign-in",
    "/sign-up",
    "/user",
    "/organization",
    "/create-organization",
    "/sign-in/factor-one",
];

const OTHERS: &[&str] = &[
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi/fapi.json",
    "/openapi/bapi.json",
    "/favicon.ico",
    "/avatars/7.svg?initials=AB",
    "/avatars/x",
    "/images/img_none",
    "/_usher/base.css",
    "/_usher/none",
    "/npm/@clerk/clerk-js@6/dist/clerk.browser.js",
    "/npm/x",
    "/nothing",
    "/inbox",
    "/inbox/messages",
    "/v1/nothing",
    "/v2",
];

fn hold(world: &World, path: &str, answer: &Answer) {
    let told = |name: &str| {
        answer
            .header(name)
            .unwrap_or_else(|| panic!("{}: no {name}", answer.asked))
    };
    let once = |name: &str| {
        assert_eq!(
            answer.headers.iter().filter(|(n, _)| n == name).count(),
            1,
            "{}: {name}",
            answer.asked
        )
    };
    for name in [
        "x-content-type-options",
        "referrer-policy",
        "content-security-policy",
        "cache-control",
        "cross-origin-resource-policy",
        "clerk-trace-id",
    ] {
        told(name);
        once(name);
    }
    assert_eq!(told("x-content-type-options"), "nosniff");
    let policy = told("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'"),
        "{}: {policy}",
        answer.asked
    );
    assert!(
        policy.contains("frame-ancestors 'none'") || answer.content_type == "image/svg+xml",
        "{}: {policy}",
        answer.asked
    );
    let public = PUBLIC.iter().any(|p| path.starts_with(p)) && matches!(answer.status, 200 | 304);
    assert_eq!(
        told("cache-control") == "no-store",
        !public,
        "{}: {}",
        answer.asked,
        told("cache-control")
    );
    assert!(
        matches!(
            told("referrer-policy"),
            "no-referrer" | "strict-origin-when-cross-origin"
        ),
        "{}",
        answer.asked
    );
    let https = world.scheme() == "https";
    assert_eq!(
        answer.header("strict-transport-security"),
        https.then_some("max-age=63072000; includeSubDomains"),
        "{}",
        answer.asked
    );
    for name in ["server", "x-powered-by"] {
        assert!(answer.header(name).is_none(), "{}: {name}", answer.asked);
    }
    if answer.content_type.starts_with("text/html") {
        assert_eq!(answer.content_type, "text/html; charset=utf-8");
        if policy.contains("script-src") {
            assert!(
                policy.contains("'nonce-")
                    && !policy.contains("unsafe-eval")
                    && !policy.contains("script-src 'unsafe-inline'"),
                "{policy}"
            );
            assert!(
                policy.contains("base-uri 'none'") && policy.contains("form-action 'self'"),
                "{policy}"
            );
            assert_eq!(
                answer.header("x-frame-options"),
                Some("DENY"),
                "{}",
                answer.asked
            );
            assert!(
                answer.header("permissions-policy").is_some()
                    && answer.header("cross-origin-opener-policy").is_some()
            );
        }
    }
}

async fn sweep(world: &World) {
    let (browser, user, session) = world.signed_in("ada@example.com").await;
    let mut seen = 0;
    for op in usher_server::operations() {
        let path = filled(
            &op.path
                .replace("{session_id}", &session)
                .replace("{user_id}", &user.id),
        );
        let answer = match op.api {
            Api::Fapi => browser.thief().request(op.method, &path).send().await,
            Api::Bapi if op.method == "GET" => world.server().get(&path).await,
            // What would change something is asked without saying what.
            Api::Bapi => {
                world
                    .server()
                    .send(
                        op.method,
                        &path,
                        Some("text/plain"),
                        Bytes::from_static(b"x"),
                    )
                    .await
            }
        };
        hold(world, op.path, &answer);
        seen += 1;
    }
    for path in PAGES.iter().chain(OTHERS) {
        hold(world, path, &browser.get(path).await);
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

both! {
    production async fn every_answer_has_its_headers(world: World) {
        sweep(&world).await;
    }

    async fn every_answer_has_its_headers_in_development_but_hsts(world: World) {
        sweep(&world).await;
    }
}
