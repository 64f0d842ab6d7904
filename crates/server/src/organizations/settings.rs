//! What an operator sets for organizations.
use serde::{Deserialize, Serialize};

/// Members at most, where nobody says otherwise (contract bapi §9).
const MEMBERS: i64 = 5;

/// Organizations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Organizations {
    /// There are organizations.
    pub enabled: bool,
    /// Members of an organization at most, where it has no number of its own; 0 is without limit.
    pub max_allowed_memberships: i64,
    /// Admins may delete their organization.
    pub admin_delete_enabled: bool,
    /// Nobody chooses the slug of an organization: it gets one that is made up.
    pub slug_disabled: bool,
}

impl Default for Organizations {
    fn default() -> Self {
        Self {
            enabled: false,
            max_allowed_memberships: MEMBERS,
            admin_delete_enabled: true,
            slug_disabled: false,
        }
    }
}

impl Organizations {
    /// The first setting that is out of bounds, as one line that says what to change.
    ///
    /// # Errors
    /// That line.
    pub fn check(&self) -> Result<(), String> {
        if self.max_allowed_memberships < 0 {
            return Err("organizations.max_allowed_memberships must be 0 or more".to_owned());
        }
        Ok(())
    }
}
