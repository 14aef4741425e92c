//! What the file declares below a path: variables below `conn`, permissions below `user.can`.
//!
//! Invariants: a name below a section that was found wrong is never a finding, since it may be
//! declared as soon as the section is right; where there is no section at all, its names are one
//! finding, since one section would declare them all. Used by the checker and by `compile`.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// The path that its names stand below.
    pub path: &'static str,
    /// What it declares, for messages: `variables of connections`.
    pub what: &'static str,
    /// How the file declares one, where `NAME` stands for it.
    pub example: &'static str,
    pub declared: Declared,
}

/// What became of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Declared {
    /// It is there, and read.
    #[default]
    Well,
    /// The file does not have it.
    Nothing,
    /// It was found wrong, and that was told.
    Broken,
}

impl Section {
    /// What a finding says of a name where there is no section: message, label and help.
    pub fn missing(&self, name: &str) -> (String, String, String) {
        let message = format!("no {} are declared", self.what);
        (message, format!("`{name}` is not declared"), format!("declare it: {}", self.how(name)))
    }

    /// How the file declares a name.
    pub fn how(&self, name: &str) -> String {
        format!("`{}`", self.example.replace("NAME", name))
    }
}
