//! `usher openapi`: prints a document.
use crate::process::say;
use usher_server::openapi;
use usher_server::route::Api;

pub(crate) fn run(api: &str) -> Result<(), String> {
    let api = match api {
        "fapi" => Api::Fapi,
        "bapi" => Api::Bapi,
        _ => return Err("say fapi or bapi".to_owned()),
    };
    say(String::from_utf8_lossy(&openapi::rendered(api)).trim_end());
    Ok(())
}
