//! Pictures of people: those that they uploaded, and those that we draw for everybody else.
use super::pages::plain;
use super::{Incoming, facts};
use crate::app::App;
use crate::cx::Cx;
use crate::images::store;
use crate::route::Reply;
use bytes::Bytes;
use std::sync::Arc;
use usher_http::percent;
use usher_types::Result;

/// What a picture may do where it is opened as a page of its own: nothing. Other sites may show it: that is what it is for.
fn shown(reply: Reply, policy: &str) -> Reply {
    reply
        .header("cache-control", "public, max-age=31536000, immutable")
        .header("access-control-allow-origin", "*")
        .header("cross-origin-resource-policy", "cross-origin")
        .header("x-content-type-options", "nosniff")
        .header("content-security-policy", policy)
}

/// An uploaded picture. Its URL is of one content for ever, and cannot be guessed.
///
/// # Errors
/// The database's.
pub(super) async fn uploaded(app: &Arc<App>, request: &Incoming, id: &str) -> Result<Reply> {
    let missing = || plain(404, "There is no such picture.\n");
    let seen = facts(app, request, false);
    let named = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let Some(instance) = app.instance_by_host(&seen.host).filter(|_| named) else {
        return Ok(missing());
    };
    let cx = Cx::new(Arc::clone(app), instance, String::new(), seen);
    let Some(row) = store::find(&mut cx.read().await?, id).await? else {
        return Ok(missing());
    };
    let tag = format!("\"{}\"", row.id);
    let known = request.header("if-none-match") == Some(tag.as_str());
    let reply = if known {
        Reply::empty(304)
    } else {
        Reply::bytes(200, "image/jpeg", Bytes::from(row.content))
    };
    Ok(shown(
        reply.header("etag", tag),
        "default-src 'none'; sandbox",
    ))
}

/// The picture of a user who uploaded none: initials on two colours that are the user's own, or a figure where there is no
/// name. Made here, so that no page asks a third party.
pub(super) fn avatar(request: &Incoming, rest: &str) -> Reply {
    let Some(hue) = rest.strip_suffix(".svg").and_then(|h| h.parse::<u8>().ok()) else {
        return plain(404, "There is no such picture.\n");
    };
    let pairs = percent::pairs(&request.query).unwrap_or_default();
    // Letters and digits only: nothing of a name can be markup.
    let initials: String = pairs
        .iter()
        .find(|(n, _)| n == "initials")
        .map(|(_, v)| v.chars().filter(|c| c.is_alphanumeric()).take(2).collect())
        .unwrap_or_default();
    let from = u32::from(hue) * 360 / 256;
    let to = (from + 38) % 360;
    let inside = if initials.is_empty() {
        "<g fill=\"#fff\" fill-opacity=\".92\"><circle cx=\"32\" cy=\"25\" r=\"10.5\"/><path d=\"M12 58c1.5-12 9.5-18.5 20-18.5S50.500 46 52 58z\"/></g>".to_owned()
    } else {
        format!(
            "<text x=\"32\" y=\"33\" fill=\"#fff\" font-family=\"system-ui,-apple-system,'Segoe UI',sans-serif\" font-size=\"25\" font-weight=\"600\" letter-spacing=\".5\" text-anchor=\"middle\" dominant-baseline=\"central\">{initials}</text>"
        )
    };
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\" width=\"256\" height=\"256\"><defs><linearGradient id=\"g\" x1=\"0\" y1=\"0\" x2=\"1\" y2=\"1\"><stop offset=\"0\" stop-color=\"hsl({from} 52% 50%)\"/><stop offset=\"1\" stop-color=\"hsl({to} 58% 34%)\"/></linearGradient></defs><rect width=\"64\" height=\"64\" fill=\"url(#g)\"/>{inside}</svg>"
    );
    shown(
        Reply::bytes(200, "image/svg+xml", Bytes::from(svg)),
        "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    )
}
