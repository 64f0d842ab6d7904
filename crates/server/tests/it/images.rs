//! Profile images: what is taken, what is made of it, where it is, and that it goes again.
use crate::answer::Answer;
use crate::browser::Browser;
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use std::io::Cursor;

/// A picture of one colour, in a format.
pub(crate) fn picture(format: ImageFormat, red: u8) -> Vec<u8> {
    let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(60, 40, Rgb([red, 40, 90])));
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A multipart form with one file.
pub(crate) fn form(field: &str, name: &str, content: &[u8]) -> Bytes {
    let mut body = format!("--x1\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: application/x-anything\r\n\r\n").into_bytes();
    body.extend(content);
    body.extend(b"\r\n--x1--\r\n");
    Bytes::from(body)
}

pub(crate) const FORM: &str = "multipart/form-data; boundary=x1";
const MINE: &str = "/v1/me/profile_image";

async fn upload(browser: &Browser, content: &[u8]) -> Answer {
    let body = form("file", "me.png", content);
    browser.request("POST", MINE).body(FORM, body).send().await
}

/// The path of a URL of ours.
fn path(url: &Value) -> String {
    let rest = url.as_str().unwrap().split_once("://").unwrap().1;
    format!("/{}", rest.split_once('/').unwrap().1)
}

both! {
    async fn an_image_is_uploaded_shown_replaced_and_removed(world: World) {
        let (browser, user, _) = world.signed_in("ada@example.com").await;
        let before = browser.get("/v1/me").await.response();
        assert!(before["has_image"] == false && before["image_url"].as_str().unwrap().contains("/avatars/"));
        let mut seen: Vec<String> = Vec::new();
        for (red, format) in [(10, ImageFormat::Png), (90, ImageFormat::Jpeg), (170, ImageFormat::Gif), (250, ImageFormat::WebP)] {
            let made = upload(&browser, &picture(format, red)).await.response();
            assert_eq!((&made["object"], &made["name"]), (&json!("image"), &json!("me.png")));
            let me = browser.get("/v1/me").await.response();
            assert_eq!((&me["has_image"], &me["image_url"]), (&json!(true), &made["public_url"]));
            let client = browser.client().await;
            assert_eq!(client["sessions"][0]["public_user_data"]["image_url"], me["image_url"]);
            assert_eq!(client["sessions"][0]["public_user_data"]["has_image"], true);
            let by_server = world.server().get(&format!("/v1/users/{}", user.id)).await.ok();
            assert_eq!((&by_server["image_url"], &by_server["has_image"]), (&me["image_url"], &json!(true)));
            // Anybody may see it, under this URL only, and for ever the same.
            let shown = world.browser().get(&path(&made["public_url"])).await;
            assert_eq!((shown.status, shown.content_type.as_str()), (200, "image/jpeg"));
            assert_eq!(shown.header("content-security-policy"), Some("default-src 'none'; sandbox"));
            assert_eq!(shown.header("cross-origin-resource-policy"), Some("cross-origin"));
            assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
            assert!(shown.header("cache-control").unwrap().contains("immutable"));
            let tag = shown.header("etag").unwrap().to_owned();
            let again = world.browser().request("GET", &path(&made["public_url"])).header("if-none-match", &tag).send().await;
            assert_eq!((again.status, again.body.len()), (304, 0));
            for old in &seen {
                assert_eq!(world.browser().get(old).await.status, 404, "the old one is forgotten");
            }
            seen.push(path(&made["public_url"]));
            assert_eq!(world.count("images").await, 1);
        }
        // The same picture has the same address.
        let same = upload(&browser, &picture(ImageFormat::WebP, 250)).await.response();
        assert_eq!(path(&same["public_url"]), seen[3]);
        let gone = browser.delete(MINE).await.response();
        assert_eq!((&gone["object"], &gone["deleted"], &gone["id"]), (&json!("image"), &json!(true), &same["id"]));
        assert_eq!(browser.get("/v1/me").await.response()["has_image"], false);
        assert_eq!(world.browser().get(&seen[3]).await.status, 404);
        world.unchanged(browser.delete(MINE)).await.refused(404, "image_not_found");
    }

    async fn the_sign_in_shows_it_to_who_has_named_the_user(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let made = upload(&browser, &picture(ImageFormat::Png, 7)).await.response();
        let started = world.browser().start_sign_in("ada@example.com").await;
        assert_eq!((&started["user_data"]["image_url"], &started["user_data"]["has_image"]), (&made["public_url"], &json!(true)));
        world.settings(|s| s.enumeration_protection = true).await;
        assert_eq!(world.browser().start_sign_in("ada@example.com").await["user_data"], json!(null));
    }

    async fn a_file_comes_as_a_form_as_bytes_or_as_base64(world: World) {
        use base64::Engine as _;
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let bytes = picture(ImageFormat::Png, 7);
        let by_form = upload(&browser, &bytes).await.response()["id"].clone();
        let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        for body in [bytes.clone(), text.clone().into_bytes(), text.trim_end_matches('=').to_owned().into_bytes(), format!("data:image/png;base64,{text}").into_bytes()] {
            let sent = browser.request("POST", MINE).body("application/octet-stream", body).send().await;
            assert_eq!(sent.response()["id"], by_form);
        }
        // What a string upload of a browser asks first (contract fapi §3.2).
        let preflight = browser.request("OPTIONS", MINE).method("OPTIONS").header("access-control-request-headers", "content-type").send().await;
        assert!(preflight.header("access-control-allow-headers").unwrap().contains("Content-Type"));
    }

    async fn what_is_no_image_changes_nothing(world: World) {
        let (browser, user, _) = world.signed_in("ada@example.com").await;
        upload(&browser, &picture(ImageFormat::Png, 7)).await.ok();
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        let png = picture(ImageFormat::Png, 8);
        for bad in [&svg[..], b"GIF89a<script>", b"not an image", &png[..40], b"%PDF-1.4", b"\0\0\x01\0", b"BM"] {
            world.unchanged(upload(&browser, bad)).await.refused(400, "request_body_invalid file");
        }
        let post = |kind: &'static str, body: Bytes| world.unchanged(browser.request("POST", MINE).body(kind, body).send());
        post(FORM, Bytes::new()).await.refused(400, "form_param_missing file");
        post(FORM, form("other", "a.png", &png)).await.refused(400, "form_param_missing file");
        post(FORM, form("file", "a.png", b"")).await.refused(400, "form_param_missing file");
        post("multipart/form-data", form("file", "a.png", &png)).await.refused(400, "request_body_invalid");
        post("multipart/form-data; boundary=y", form("file", "a.png", &png)).await.refused(400, "request_body_invalid");
        let twice = [form("file", "a.png", &png).strip_suffix(b"--\r\n").unwrap(), &form("file", "b.png", &png)[4..]].concat();
        post(FORM, Bytes::from(twice)).await.refused(400, "request_body_invalid");
        for kind in ["application/json", "image/png", "text/plain", "application/x-www-form-urlencoded"] {
            post(kind, Bytes::from(png.clone())).await.refused(415, "unsupported_content_type");
        }
        world.unchanged(browser.request("POST", MINE).body(FORM, Bytes::new()).send_too_much()).await.refused(413, "image_too_large file");
        let large = vec![0; 10 * 1024 * 1024 + 1];
        world.unchanged(upload(&browser, &large)).await.refused(413, "image_too_large file");
        let by_server = world.server().send("POST", &format!("/v1/users/{}/profile_image", user.id), Some(FORM), form("file", "a", b"no")).await;
        by_server.refused(400, "request_body_invalid file");
    }

    async fn a_file_s_name_is_a_name_only(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        for (name, kept) in [("../../etc/passwd", "passwd"), ("C:\\pictures\\me.png", "me.png"), ("<b>.png", "<b>.png")] {
            let body = form("file", name, &picture(ImageFormat::Png, 7));
            let made = browser.request("POST", MINE).body(FORM, body).send().await.response();
            assert_eq!(made["name"], kept);
            assert!(made["id"].as_str().unwrap().starts_with("img_") && !made["public_url"].as_str().unwrap().contains(kept));
        }
    }

    async fn the_operator_sets_and_removes_images_and_nobody_else_s_server_does(world: World) {
        let user = world.user_without_password("ada@example.com").await;
        let path = format!("/v1/users/{}/profile_image", user.id);
        let body = form("file", "a.jpg", &picture(ImageFormat::Jpeg, 9));
        let made = world.server().send("POST", &path, Some(FORM), body.clone()).await.ok();
        assert_eq!((&made["object"], &made["has_image"]), (&json!("user"), &json!(true)));
        let (their_browser, theirs, _) = world.other_instance("other").await;
        world.unchanged(theirs.send("POST", &path, Some(FORM), body.clone())).await.refused(404, "resource_not_found");
        world.unchanged(theirs.delete(&path)).await.refused(404, "resource_not_found");
        // Another instance's host does not show it.
        assert_eq!(their_browser.get(&self::path(&made["image_url"])).await.status, 404);
        world.unchanged(world.server().send("POST", "/v1/users/user_x/profile_image", Some(FORM), body)).await.refused(404, "resource_not_found");
        let gone = world.server().delete(&path).await.ok();
        assert_eq!((&gone["has_image"], &gone["object"]), (&json!(false), &json!("user")));
        world.unchanged(world.server().delete(&path)).await.refused(404, "image_not_found");
    }

    async fn an_image_goes_with_its_user(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let url = upload(&browser, &picture(ImageFormat::Png, 7)).await.response()["public_url"].clone();
        browser.delete("/v1/me").await.ok();
        assert_eq!(world.count("images").await, 0);
        assert_eq!(world.browser().get(&path(&url)).await.status, 404);
    }

    async fn two_users_with_one_picture_have_two_addresses(world: World) {
        let (ada, _, _) = world.signed_in("ada@example.com").await;
        let (bob, _, _) = world.signed_in("bob@example.com").await;
        let bytes = picture(ImageFormat::Png, 7);
        let (one, two) = (upload(&ada, &bytes).await.response(), upload(&bob, &bytes).await.response());
        assert_ne!(one["public_url"], two["public_url"]);
        ada.delete(MINE).await.ok();
        assert_eq!(world.browser().get(&path(&two["public_url"])).await.status, 200);
    }

    async fn nobody_uploads_for_nobody(world: World) {
        let visitor = world.browser();
        visitor.post("/v1/client", &[]).await.ok();
        for browser in [&visitor, &world.browser()] {
            world.unchanged(upload(browser, &picture(ImageFormat::Png, 7))).await.refused(401, "authentication_invalid");
            world.unchanged(browser.delete(MINE)).await.refused(401, "authentication_invalid");
        }
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let foreign = browser.request("POST", MINE).origin("https://evil.example").body(FORM, form("file", "a", &picture(ImageFormat::Png, 7)));
        world.unchanged(foreign.send()).await.refused(400, "origin_invalid");
    }

    async fn guessed_pictures_are_not_there_and_drawn_ones_hold_no_markup(world: World) {
        let browser = world.browser();
        for path in ["/images/", "/images/x", "/images/img_x", "/images/..%2f..", "/images/img_%27%20OR%201%3D1", "/avatars/x", "/avatars/300.svg", "/avatars/7.png"] {
            assert_eq!(browser.get(path).await.status, 404, "{path}");
        }
        for (query, inside) in [("?initials=AL", ">AL<"), ("?initials=%3Cscript%3E", ">sc<"), ("", "<circle"), ("?initials=%C3%89%22", ">É<")] {
            let drawn = browser.get(&format!("/avatars/7.svg{query}")).await;
            assert_eq!((drawn.status, drawn.content_type.as_str()), (200, "image/svg+xml"));
            assert!(drawn.body.contains(inside) && !drawn.body.contains("<script"), "{}", drawn.body);
            assert!(drawn.header("content-security-policy").unwrap().ends_with("; sandbox"));
        }
    }

    production async fn pictures_are_at_the_frontend_api(world: World) {
        let (browser, _, _) = world.signed_in("ada@example.com").await;
        let drawn = browser.get("/v1/me").await.response()["image_url"].clone();
        assert!(drawn.as_str().unwrap().starts_with("https://clerk.example.com/avatars/"), "{drawn}");
        let made = upload(&browser, &picture(ImageFormat::Png, 7)).await.response();
        assert!(made["public_url"].as_str().unwrap().starts_with("https://clerk.example.com/images/img_"));
        assert_eq!(browser.get(&path(&made["public_url"])).await.status, 200);
    }
}
