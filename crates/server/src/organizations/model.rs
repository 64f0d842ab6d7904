//! Rows of organizations and memberships, and what may be their name and slug.
use super::roles::Role;
use serde_json::{Value, json};
use usher_db::row;
use usher_types::Timestamp;
use usher_types::error::codes as refuse;
use usher_types::id::{InstanceId, OrganizationId, UserId};
use usher_types::{ApiError, Result};

row! {
    /// An organization.
    pub struct OrganizationRow {
        pub instance_id: InstanceId,
        pub id: OrganizationId,
        pub name: String,
        pub slug: String,
        pub public_metadata: String,
        pub private_metadata: String,
        /// `None` follows the instance.
        pub max_allowed_memberships: Option<i64>,
        pub admin_delete_enabled: bool,
        /// Who created it; that user may be gone.
        pub created_by: Option<String>,
        pub members_count: i64,
        pub image_id: Option<String>,
        /// Name and slug in lower case.
        pub search: String,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

row! {
    /// That a user belongs to an organization.
    pub struct MembershipRow {
        pub instance_id: InstanceId,
        pub organization_id: OrganizationId,
        pub user_id: UserId,
        pub id: String,
        pub role: String,
        pub public_metadata: String,
        pub private_metadata: String,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

row! {
    /// The organization that a session acts in, as its tokens say it.
    pub struct Active {
        pub id: OrganizationId,
        pub slug: String,
        pub role: String,
    }
}

impl OrganizationRow {
    /// Members at most; 0 is without limit.
    #[must_use]
    pub fn limit(&self, of_instance: i64) -> i64 {
        self.max_allowed_memberships.unwrap_or(of_instance)
    }
    /// Recomputes what follows from the others.
    pub fn refresh(&mut self) {
        self.search = format!("{} {}", self.name.to_lowercase(), self.slug);
    }
}

impl MembershipRow {
    /// The role. One that this version does not know allows what an ordinary member may.
    #[must_use]
    pub fn role(&self) -> Role {
        Role::parse(&self.role).unwrap_or(Role::Member)
    }
}

impl Active {
    /// The claim `o` (contract fapi §6.1). System permissions stand in no token, and there are no others yet.
    #[must_use]
    pub fn claim(&self) -> Value {
        let role = self.role.strip_prefix("org:").unwrap_or(&self.role);
        json!({ "fpm": "", "id": self.id.as_str(), "per": "", "rol": role, "slg": self.slug })
    }
}

/// Characters of a name at most.
pub const NAME: usize = 256;
/// Characters of a slug at most.
pub const SLUG: usize = 64;

/// A name: it goes into mail and pages, so that nothing in it is a link or markup.
///
/// # Errors
/// 422 `form_param_format_invalid`.
pub fn name(text: &str) -> Result<String, ApiError> {
    let bad = text.contains("://")
        || text.to_ascii_lowercase().contains("www.")
        || text.chars().any(|c| c.is_control() || "<>".contains(c));
    if bad || text.trim().is_empty() {
        return Err(refuse::form_param_format_invalid("name").at("name"));
    }
    Ok(text.trim().to_owned())
}

/// A slug that somebody chose: lower-case letters, digits, and dashes between them.
///
/// # Errors
/// 422 `form_param_format_invalid`.
pub fn slug(text: &str) -> Result<String, ApiError> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edge = text.starts_with('-') || text.ends_with('-') || text.is_empty();
    if edge || text.len() > SLUG || !text.bytes().all(inner) {
        return Err(refuse::form_param_format_invalid("slug").at("slug"));
    }
    Ok(text.to_owned())
}

/// A slug for a name, with `chance` behind it so that it says of no other whether it is taken.
#[must_use]
pub fn slug_for(name: &str, chance: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= 40 {
            break;
        }
    }
    let head = slug.trim_end_matches('-');
    let head = if head.is_empty() {
        "organization"
    } else {
        head
    };
    format!("{head}-{}", chance.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_no_links_and_no_markup() {
        for good in ["Acme", "Ünï & Co. (Zürich)", "a", "https rocks"] {
            assert_eq!(name(good).ok().as_deref(), Some(good));
        }
        for bad in [
            "",
            " ",
            "a<b",
            "x>",
            "see https://evil.example",
            "WWW.evil.example",
            "a\nb",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn slugs_are_lower_case_words() {
        for good in ["a", "acme", "acme-2", "1"] {
            assert!(slug(good).is_ok(), "{good}");
        }
        for bad in ["", "-", "-a", "a-", "A", "a_b", "a b", "é", &"a".repeat(65)] {
            assert!(slug(bad).is_err(), "{bad:?}");
        }
        for (name, expected) in [
            ("Acme Inc.", "acme-inc-x1y2"),
            ("日本", "organization-x1y2"),
            ("--", "organization-x1y2"),
        ] {
            let made = slug_for(name, "X1y2");
            assert_eq!(made, expected);
            assert!(slug(&made).is_ok());
        }
        assert!(slug(&slug_for(&"long name ".repeat(30), "abcdefgh")).is_ok());
    }
}
