//! The roles that members can have, and what each allows: fixed (contract bapi §9). An operator's own come later.

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Change name, slug and logo.
    ProfileManage,
    /// Delete the organization.
    ProfileDelete,
    /// See who else is a member.
    MembershipsRead,
    /// Add, change and remove members.
    MembershipsManage,
    /// See the domains.
    DomainsRead,
    /// Change the domains.
    DomainsManage,
    /// See what is paid.
    BillingRead,
    /// Change what is paid.
    BillingManage,
    /// Change the connections to the members' own identity provider.
    ConnectionsManage,
}

impl Permission {
    /// Every one, in the order in which they are listed.
    pub const ALL: &'static [Self] = &[
        Self::ProfileManage,
        Self::ProfileDelete,
        Self::MembershipsRead,
        Self::MembershipsManage,
        Self::DomainsRead,
        Self::DomainsManage,
        Self::BillingRead,
        Self::BillingManage,
        Self::ConnectionsManage,
    ];
    /// The key on the wire.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::ProfileManage => "org:sys_profile:manage",
            Self::ProfileDelete => "org:sys_profile:delete",
            Self::MembershipsRead => "org:sys_memberships:read",
            Self::MembershipsManage => "org:sys_memberships:manage",
            Self::DomainsRead => "org:sys_domains:read",
            Self::DomainsManage => "org:sys_domains:manage",
            Self::BillingRead => "org:sys_billing:read",
            Self::BillingManage => "org:sys_billing:manage",
            Self::ConnectionsManage => "org:sys_entconns:manage",
        }
    }
    /// The id on the wire: the same in every instance, as the permission is.
    #[must_use]
    pub fn id(self) -> String {
        self.key().replace("org:", "perm_").replace(':', "_")
    }
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProfileManage => "Manage organization",
            Self::ProfileDelete => "Delete organization",
            Self::MembershipsRead => "Read members",
            Self::MembershipsManage => "Manage members",
            Self::DomainsRead => "Read domains",
            Self::DomainsManage => "Manage domains",
            Self::BillingRead => "Read billing",
            Self::BillingManage => "Manage billing",
            Self::ConnectionsManage => "Manage enterprise connections",
        }
    }
    /// What it is about, in a sentence.
    #[must_use]
    pub fn about(self) -> String {
        format!("A member with it can {}.", self.name().to_lowercase())
    }
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Admin,
    /// Belongs to it.
    Member,
}

impl Role {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Admin, Self::Member];
    /// The key on the wire and in the table.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Admin => "org:admin",
            Self::Member => "org:member",
        }
    }
    /// The id on the wire: the same in every instance, as the role is.
    #[must_use]
    pub fn id(self) -> String {
        self.key().replace("org:", "role_")
    }
    /// As session tokens say it: without the prefix.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Member => "Member",
        }
    }
    /// What it is for, in a sentence.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Admin => "Runs the organization.",
            Self::Member => "Belongs to the organization.",
        }
    }
    /// By key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.key() == key)
    }
    /// What it allows.
    #[must_use]
    pub fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Admin => Permission::ALL,
            Self::Member => &[Permission::MembershipsRead, Permission::BillingRead],
        }
    }
    /// It allows this.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }
    /// Whoever has it can run the organization: one member has to (contract bapi §9).
    #[must_use]
    pub fn runs(self) -> bool {
        [
            Permission::MembershipsManage,
            Permission::MembershipsRead,
            Permission::ProfileDelete,
        ]
        .into_iter()
        .all(|needed| self.may(needed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admins_may_everything_and_members_what_is_listed() {
        let mut keys = std::collections::BTreeSet::new();
        for permission in Permission::ALL {
            assert!(Role::Admin.may(*permission));
            let reads = ["org:sys_memberships:read", "org:sys_billing:read"];
            assert_eq!(
                Role::Member.may(*permission),
                reads.contains(&permission.key())
            );
            assert!(keys.insert(permission.id()));
        }
        assert!(Role::Admin.runs() && !Role::Member.runs());
        for role in Role::ALL {
            assert_eq!(Role::parse(role.key()), Some(*role));
            assert_eq!(role.key(), format!("org:{}", role.word()));
        }
        for wrong in [
            "",
            "admin",
            "org:",
            "org:owner",
            "ORG:ADMIN",
            "basic_member",
        ] {
            assert_eq!(Role::parse(wrong), None, "{wrong}");
        }
    }
}
