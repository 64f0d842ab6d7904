//! What phones fetch to learn which apps belong to this domain (contract fapi appendix A).
//!
//! Passkeys and saved passwords of a domain are an app's only where the domain says so. Apple and Google read these documents at
//! the domain that the app names, by https and without redirects.
use super::fapi::public;
use super::loaded::Document;
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Guard, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_types::Result;

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/.well-known/apple-app-site-association",
        "getAppleAppSiteAssociation",
        Guard::Public,
        handler!(apple),
    )
    .answers::<AppleAppSiteAssociation>(),
    Op::fapi(
        "GET",
        "/.well-known/assetlinks.json",
        "getAndroidAssetLinks",
        Guard::Public,
        handler!(android),
    )
    .answers::<Vec<AssetLink>>(),
];

/// Apps of Apple's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AppleAppSiteAssociation")]
pub struct AppleAppSiteAssociation {
    /// Those that may use the domain's passkeys and passwords.
    pub webcredentials: WebCredentials,
}

/// Apps that share credentials.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebCredentials")]
pub struct WebCredentials {
    /// Each with its team's prefix.
    pub apps: Vec<String>,
}

/// A statement of the Digital Asset Links.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AssetLink")]
pub struct AssetLink {
    /// What the app may do.
    pub relation: [&'static str; 2],
    /// The app.
    pub target: AssetTarget,
}

/// An app of Android's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "AssetTarget")]
pub struct AssetTarget {
    /// `android_app`.
    pub namespace: &'static str,
    /// The package.
    pub package_name: String,
    /// Of the certificates that sign it.
    pub sha256_cert_fingerprints: Vec<String>,
}

async fn apple(cx: &Cx, _: &Call) -> Result<Reply> {
    let apps = cx.instance.settings.native.apple_apps.clone();
    let document = AppleAppSiteAssociation {
        webcredentials: WebCredentials { apps },
    };
    Ok(public(&Document::new(serde_json::to_string(&document)?)))
}

async fn android(cx: &Cx, _: &Call) -> Result<Reply> {
    let apps = &cx.instance.settings.native.android_apps;
    let links: Vec<AssetLink> = apps
        .iter()
        .map(|app| AssetLink {
            relation: [
                "delegate_permission/common.handle_all_urls",
                "delegate_permission/common.get_login_creds",
            ],
            target: AssetTarget {
                namespace: "android_app",
                package_name: app.package_name.clone(),
                // Readers compare capital letters.
                sha256_cert_fingerprints: app
                    .sha256_cert_fingerprints
                    .iter()
                    .map(|p| p.to_ascii_uppercase())
                    .collect(),
            },
        })
        .collect();
    Ok(public(&Document::new(serde_json::to_string(&links)?)))
}
