//! `permissions:`, and the names that roles, steps and modifiers use of it.
//!
//! Invariants: a name that is not declared is one finding, wherever it is used; nothing follows
//! from a list that was found wrong. Called by `compile` and by both spellings.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::expr::{Declared, Section};
use super::super::source::Span;
use super::super::yaml::{Entry, Node, NodeKind};
use super::catalog::unusable;
use crate::ids::PermissionId;

/// The declared permissions.
#[derive(Default)]
pub struct Permissions {
    pub names: Vec<String>,
    declared: Declared,
}

impl Permissions {
    /// Reads the list, of which is known whether the file has it.
    pub fn read(entry: Option<&Entry>, declared: Declared, findings: &mut Findings) -> Permissions {
        let mut permissions = Permissions { declared, ..Permissions::default() };
        let Some(entry) = entry.filter(|entry| !entry.value.is_null()) else { return permissions };
        match &entry.value.kind {
            NodeKind::List(items) => {
                items.iter().for_each(|item| permissions.declare(item, findings));
            }
            _ => permissions.refuse(
                Diagnostic::new(Code::WrongShape, "`permissions` takes a list of names")
                    .label(entry.value.span, format!("this is {}", entry.value.kind_name())),
                findings,
            ),
        }
        permissions
    }

    fn declare(&mut self, item: &Node, findings: &mut Findings) {
        match item.as_scalar().map(|scalar| scalar.text.as_str()) {
            None => {
                let finding = Diagnostic::new(Code::WrongShape, "a permission is a name");
                let label = format!("this is {}", item.kind_name());
                self.refuse(finding.label(item.span, label), findings);
            }
            Some(name) if unusable(name).is_some() => {
                let finding = Diagnostic::new(Code::BadName, "this permission has no usable name");
                let label = "1 to 255 bytes, no control characters";
                self.refuse(finding.label(item.span, label), findings);
            }
            Some(name) if self.names.iter().any(|known| known == name) => {
                let message = format!("the permission `{name}` is declared twice");
                let finding = Diagnostic::new(Code::PermissionTwice, message);
                findings.push(finding.label(item.span, "a second time here"));
            }
            Some(name) => self.names.push(name.to_owned()),
        }
    }

    fn refuse(&mut self, finding: Diagnostic, findings: &mut Findings) {
        findings.push(finding);
        self.declared = Declared::Broken;
    }

    /// The names as expressions see them.
    pub fn section(&self) -> Section {
        Section {
            path: "user.can",
            what: "permissions",
            example: "permissions: [NAME]",
            declared: self.declared,
        }
    }

    /// A permission by its name; a finding where it is not declared.
    pub fn find(
        &self,
        name: &str,
        span: Span,
        code: Code,
        findings: &mut Findings,
    ) -> Option<PermissionId> {
        if let Some(place) = self.names.iter().position(|known| known == name) {
            return Some(PermissionId(place as u16));
        }
        let section = self.section();
        match section.declared {
            Declared::Broken => {}
            Declared::Nothing => {
                let (message, label, help) = section.missing(name);
                let finding = Diagnostic::new(code, message).label(span, label).help(help);
                findings.push(finding.about(section.path));
            }
            Declared::Well => {
                let finding = Diagnostic::new(code, format!("unknown permission `{name}`"));
                let finding = finding.label(span, "not in the list `permissions`");
                let finding = finding.about(format!("{}.{name}", section.path));
                findings.push(finding.suggest(name, self.names.iter().map(String::as_str)));
            }
        }
        None
    }
}
