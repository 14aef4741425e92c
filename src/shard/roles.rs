//! Roles of a token: names for permissions, in the claim `role` (a name) or `roles` (a list).
//!
//! Invariants: a role that the program does not declare stands for nothing, so that issuers may
//! know more roles than this server. Called by `admit`.

use std::borrow::Cow;

use crate::pipeline::program::Program;
use crate::state::permissions::PermissionSet;

#[derive(serde::Deserialize)]
struct Claims<'c> {
    #[serde(borrow, default)]
    role: Option<Cow<'c, str>>,
    #[serde(borrow, default)]
    roles: Option<Vec<Cow<'c, str>>>,
}

/// The permissions with those of the roles in the claims.
pub(super) fn with_roles(rights: PermissionSet, program: &Program, claims: &[u8]) -> PermissionSet {
    if program.roles.is_empty() {
        return rights;
    }
    let Ok(claims) = serde_json::from_slice::<Claims<'_>>(claims) else { return rights };
    let named = claims.role.into_iter().chain(claims.roles.into_iter().flatten());
    named.fold(rights, |rights, name| {
        let known = program.roles.iter().find(|(role, _)| **role == *name);
        let permissions = known.map(|(_, all)| all.as_slice()).unwrap_or_default();
        permissions.iter().fold(rights, |rights, one| rights.with(*one, true))
    })
}
