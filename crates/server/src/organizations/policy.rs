//! The one policy of organizations: who may do what. Pure.
use super::model::{MembershipRow, OrganizationRow};
use super::roles::{Permission, Role};
use usher_types::ApiError;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// The operator's server, which may do everything.
    Server,
    /// A user, who may do what a membership allows.
    User(&'a UserId),
}

/// What a request needs of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Being a member.
    Membership,
    /// A permission of the member's role.
    Permission(Permission),
}

/// The verdict on a request: the organization, where it may go on. `membership` is that of the user who asks.
///
/// # Errors
/// To a server 404 `resource_not_found`; to a user 404 `organization_not_found_or_unauthorized`, the same whether there is no
/// such organization or no membership, and 403 `missing_organization_permission`.
pub fn check(
    by: By<'_>,
    need: Need,
    organization: Option<OrganizationRow>,
    membership: Option<&MembershipRow>,
) -> Result<OrganizationRow, ApiError> {
    match by {
        By::Server => organization.ok_or_else(|| refuse::resource_not_found("organization")),
        By::User(user) => {
            let (Some(organization), Some(membership)) = (organization, membership) else {
                return Err(refuse::organization_not_found_or_unauthorized());
            };
            let own = membership.user_id == *user && membership.organization_id == organization.id;
            if !own {
                return Err(refuse::organization_not_found_or_unauthorized());
            }
            match need {
                Need::Membership => Ok(organization),
                Need::Permission(permission) if membership.role().may(permission) => {
                    Ok(organization)
                }
                Need::Permission(permission) => Err(refuse::missing_organization_permission()
                    .with("permissions", vec![permission.key()])),
            }
        }
    }
}

/// A member who has `before` gets `after`, or leaves (`None`), while `running` members can run the organization.
///
/// # Errors
/// 400 `organization_minimum_permissions_needed` where nobody could run it any more.
pub fn check_running(before: Role, after: Option<Role>, running: i64) -> Result<(), ApiError> {
    let lost = before.runs() && !after.is_some_and(Role::runs);
    if lost && running <= 1 {
        return Err(refuse::organization_minimum_permissions_needed());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_types::Timestamp;
    use usher_types::id::{InstanceId, OrganizationId};

    fn organization() -> OrganizationRow {
        let now = Timestamp(1);
        OrganizationRow {
            instance_id: InstanceId::trusted("ins_x".into()),
            id: OrganizationId::trusted("org_x".into()),
            name: "Acme".into(),
            slug: "acme".into(),
            public_metadata: "{}".into(),
            private_metadata: "{}".into(),
            max_allowed_memberships: None,
            admin_delete_enabled: true,
            created_by: None,
            members_count: 1,
            image_id: None,
            search: String::new(),
            created_at: now,
            updated_at: now,
        }
    }

    fn membership(organization: &str, user: &UserId, role: Role) -> MembershipRow {
        MembershipRow {
            instance_id: InstanceId::trusted("ins_x".into()),
            organization_id: OrganizationId::trusted(organization.into()),
            user_id: user.clone(),
            id: "orgmem_x".into(),
            role: role.key().into(),
            public_metadata: "{}".into(),
            private_metadata: "{}".into(),
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
        }
    }

    #[test]
    fn only_the_own_membership_of_that_organization_opens_it() {
        let ada = UserId::trusted("user_ada".into());
        let eve = UserId::trusted("user_eve".into());
        let none = refuse::organization_not_found_or_unauthorized();
        for need in Permission::ALL
            .iter()
            .map(|p| Need::Permission(*p))
            .chain([Need::Membership])
        {
            for role in Role::ALL {
                let own = membership("org_x", &ada, *role);
                let elsewhere = membership("org_y", &ada, *role);
                let by = By::User(&ada);
                assert_eq!(check(by, need, None, Some(&own)).err(), Some(none.clone()));
                assert_eq!(
                    check(by, need, Some(organization()), None).err(),
                    Some(none.clone())
                );
                let wrong = check(by, need, Some(organization()), Some(&elsewhere));
                assert_eq!(wrong.err(), Some(none.clone()));
                let other = check(By::User(&eve), need, Some(organization()), Some(&own));
                assert_eq!(other.err(), Some(none.clone()));
                let allowed = match need {
                    Need::Membership => true,
                    Need::Permission(p) => role.may(p),
                };
                let own = check(by, need, Some(organization()), Some(&own));
                assert_eq!(own.is_ok(), allowed);
            }
            assert!(check(By::Server, need, Some(organization()), None).is_ok());
            assert!(check(By::Server, need, None, None).is_err());
        }
    }

    #[test]
    fn the_last_who_runs_it_stays() {
        for before in Role::ALL {
            for after in [None, Some(Role::Admin), Some(Role::Member)] {
                for running in 0..3 {
                    let lost = *before == Role::Admin && after != Some(Role::Admin);
                    let refused = check_running(*before, after, running).is_err();
                    assert_eq!(refused, lost && running <= 1);
                }
            }
        }
    }
}
