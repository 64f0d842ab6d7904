//! The file in a body. It is read once it is known who sends it, and for whom.
use crate::route::Sent;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use usher_http::multipart;
use usher_types::Result;
use usher_types::error::codes as refuse;

/// A file that was sent.
#[derive(Clone, Debug)]
pub struct File {
    /// What it is called, for people; nothing is decided by it.
    pub name: String,
    /// What is in it.
    pub content: Bytes,
}

/// Characters of a file's name that are kept.
const NAME: usize = 100;

/// Base64 as scripts write it, with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The file of an upload: the field `file` of a multipart form, or a body that is the file, as bytes or as base64 (with or
/// without `data:…,` in front of it).
///
/// # Errors
/// 413 `image_too_large` over the limit; 415 for other content types; 400 without a file and for forms that do not decode.
pub fn file(sent: &Sent) -> Result<File> {
    let Some(body) = &sent.body else {
        return Err(refuse::image_too_large().at("file").into());
    };
    let missing = || refuse::file_missing().at("file");
    if body.is_empty() {
        return Err(missing().into());
    }
    let kind = sent.content_type.split(';').next().unwrap_or_default();
    match kind.trim().to_ascii_lowercase().as_str() {
        "multipart/form-data" => {
            let boundary =
                multipart::boundary(&sent.content_type).ok_or_else(refuse::request_body_invalid)?;
            let parts =
                multipart::parts(body, &boundary).ok_or_else(refuse::request_body_invalid)?;
            let mut files = parts.into_iter().filter(|p| p.name == "file");
            let file = files
                .next()
                .filter(|f| !f.data.is_empty())
                .ok_or_else(missing)?;
            if files.next().is_some() {
                return Err(refuse::request_body_invalid().into());
            }
            Ok(File {
                name: shown(file.file_name.as_deref().unwrap_or_default()),
                // A part of the body, not a copy of it.
                content: body.slice_ref(file.data),
            })
        }
        "application/octet-stream" => Ok(File {
            name: String::new(),
            content: decoded(body),
        }),
        _ => Err(refuse::unsupported_upload_type().into()),
    }
}

/// A file's name as it may be shown: without folders and control characters.
fn shown(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars()
        .filter(|c| !c.is_control())
        .take(NAME)
        .collect()
}

/// The bytes that a text in base64 stands for; the bytes themselves where they are none.
fn decoded(body: &Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else {
        return body.clone();
    };
    let text = text.trim();
    let bare = match text.strip_prefix("data:").and_then(|t| t.split_once(',')) {
        Some((_, bare)) => bare,
        None => text,
    };
    match BASE64.decode(bare) {
        Ok(bytes) => Bytes::from(bytes),
        Err(_) => body.clone(),
    }
}
