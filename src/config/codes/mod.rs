//! THE table of findings: each code's severity, title, explanation and example; the texts of a
//! section have a file of their own.
//!
//! Invariants: a code is never reused; each has one page, in the order of the codes; an example
//! shows its finding (tests/golden.rs renders each). A line `# env: NAME=value` of an example sets
//! a variable, `# for: serve` demands the secret, `# variant: NAME` names an environment.

pub use super::severity::Severity;

macro_rules! codes {
    ($($name:ident $code:literal,)*) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $code] $name,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable code, such as `E201`.
            pub fn text(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }
        }
    };
}

/// What is said of a kind of finding.
struct Page {
    code: Code,
    title: &'static str,
    /// Why this is a finding and what to do.
    explanation: &'static str,
    /// A configuration that has this finding; empty where no text can show it.
    example: &'static str,
}

macro_rules! pages {
    ($($name:ident $title:literal $explanation:literal $example:literal)*) => {
        pub(super) const PAGES: &[super::Page] = &[$(super::Page {
            code: super::Code::$name,
            title: $title,
            explanation: $explanation,
            example: $example,
        },)*];
    };
}

mod expressions;
mod files;
mod hints;
mod http;
mod keys;
mod native;
mod options;
mod program;
mod testing;
mod warnings;

static SECTIONS: [&[Page]; 10] = [
    files::PAGES,
    keys::PAGES,
    program::PAGES,
    options::PAGES,
    expressions::PAGES,
    native::PAGES,
    http::PAGES,
    testing::PAGES,
    warnings::PAGES,
    hints::PAGES,
];

impl Code {
    pub fn severity(self) -> Severity {
        match self.text().as_bytes().first() {
            Some(b'H') => Severity::Hint,
            Some(b'W') => Severity::Warning,
            _ => Severity::Error,
        }
    }

    pub fn title(self) -> &'static str {
        self.page().map_or("", |page| page.title)
    }

    /// Why this is a finding and what to do.
    pub fn explanation(self) -> &'static str {
        self.page().map_or("", |page| page.explanation)
    }

    /// A configuration that has this finding; empty where no text can show it.
    pub fn example(self) -> &'static str {
        self.page().map_or("", |page| page.example)
    }

    /// Each has one, a test says.
    fn page(self) -> Option<&'static Page> {
        SECTIONS.iter().copied().flatten().find(|page| page.code == self)
    }
}

codes! {
    // E1: the files and their YAML.
    Unreadable "E101", FileTooLarge "E102", YamlSyntax "E103", SecondReader "E104",
    DuplicateKey "E105", TooDeep "E106", TooLarge "E107", AnchorCycle "E108", MergeKey "E109",
    Tag "E110", KeyNotText "E111", SeveralDocuments "E112", RootNotMap "E113", FileOutside "E114",
    FileCycle "E115", FileTwice "E116", TooManyFiles "E117", PartConflict "E118",
    BadVariant "E119", NoLayout "E120",
    // E2: keys and their shape.
    UnknownKey "E201", WrongShape "E202", SetTwice "E203", BadVersion "E205", EventsInRaw "E206",
    MessageInJson "E207", BadPattern "E208",
    // E3: events, actions, templates.
    BadName "E301", NameCase "E302", UnknownModifier "E303", UnknownAction "E304",
    WrongArity "E305", BadRate "E306", UnknownPermission "E307", UnknownVariable "E308",
    TokenBeforeSecure "E309", BadPath "E310", PayloadNotJson "E311", TemplateInModifier "E312",
    TooManyPaths "E313", EntryWithoutName "E314", UnknownVerb "E315", OneVerb "E316",
    PermissionTwice "E317", ProgramTooLarge "E318", FlatNotObject "E319",
    UnknownExpression "E320",
    // E40, E41, E46: values of options.
    BadValue "E401", BadDuration "E402", BadSize "E403", OutOfRange "E404", BadAddress "E405",
    BadOrigin "E406", MissingVariable "E407", BadExpansion "E408", NoSecret "E410",
    SecretTooShort "E411", SecretKnown "E412", KeyMismatch "E413", TlsIncomplete "E460",
    CertificateUnreadable "E461", CertificateNotPem "E462", KeyEncrypted "E463",
    CertificateMismatch "E464", CertificateOutOfTime "E465", CertificateChain "E466",
    NoMonitorToken "E414", HistoryTooLarge "E415", HistoryOfRaw "E416",
    // E42 to E44: expressions.
    ExprSyntax "E420", UnclosedHole "E421", BadString "E422", BadNumber "E423",
    ExprTooLarge "E424", UnknownName "E425", NotInScope "E426", UnknownField "E427",
    NoFields "E428", MayBeNull "E429", TypeMismatch "E430", WrongType "E431",
    UnknownFunction "E432", WrongArguments "E433", BadRegex "E434", SecretLeak "E435",
    OmitMisplaced "E436", AlwaysFails "E437", NotAValue "E438", NotSupported "E439",
    BadLoop "E440",
    // E7: the native spelling.
    UnknownType "E701", BadType "E702", BadBounds "E703", BadDefault "E704", BothSpellings "E705",
    KeyMisplaced "E706", BadRecipient "E707", NoOrigin "E708", UnknownStateVariable "E709",
    UnknownPipeline "E710", Recursion "E711", MissingInput "E712", ReservedVerb "E713",
    BadRule "E714", TooManyVariables "E715", BadSpread "E716", BadOnError "E717",
    BadCloseCode "E718", BadStateType "E719", BadExcept "E720", PayloadNotMap "E721",
    UnknownRolePermission "E722", BadLimit "E723", MissingPart "E724", WaitsHere "E725",
    BadCall "E731", UnknownBackend "E732", BadUrl "E733", DefaultInAnswer "E734",
    NoInBandAuth "E735",
    PresenceEvent "E741",
    // E86: `http` and `metrics`.
    BadRoute "E861", MetricsOff "E862", NoMetricsToken "E863",
    // E6: tests.
    UnknownClient "E601", NotOneSubject "E602", UnknownDenial "E603", UnknownCounter "E604",
    BadMatcher "E605", UnboundCapture "E606", NoConfiguration "E607", TestTwice "E608",
    EnvelopeInRaw "E609",
    // W: probably not as meant.
    NothingResumes "W507", Unreachable "W506", UnusedVariable "W501", IdleEvent "W502",
    NoEvents "W503", WeakSecret "W504", PingTooLate "W505", MonitorOff "W509",
    NoMonitorMessage "W508", CertificateExpires "W511", OpenCredentials "W561",
    NothingIncluded "W510",
    // H: could be better.
    ShortPath "H601", NoMembership "H602", OldSpelling "H603", SecretLater "H604",
    MonitorTokenLater "H605",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_each_has_its_page() {
        let pages = SECTIONS.iter().copied().flatten().map(|page| page.code);
        assert_eq!(pages.collect::<Vec<_>>(), Code::ALL);
        for (place, code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.text().len(), 4);
            assert!(Code::ALL[place + 1..].iter().all(|other| other.text() != code.text()));
            assert!(!code.title().is_empty() && !code.explanation().is_empty());
        }
    }
}
