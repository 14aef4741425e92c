//! THE table of findings: code, severity, title, explanation, example.
//!
//! Invariants: a code is never reused; an example shows its finding (tests/golden.rs renders each).
//! A line `# env: NAME=value` of an example sets a variable, `# for: serve` demands the secret,
//! `# variant: NAME` names an environment.

pub use super::severity::Severity;

macro_rules! codes {
    ($($name:ident $code:literal $title:literal $why:literal $example:literal)*) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable code, such as `E201`.
            pub fn text(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// Why this is a finding and what to do.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$name => $why,)* }
            }

            /// A configuration that has this finding; empty where no text can show it.
            pub fn example(self) -> &'static str {
                match self { $(Code::$name => $example,)* }
            }
        }
    };
}

impl Code {
    pub fn severity(self) -> Severity {
        match self.text().as_bytes().first() {
            Some(b'H') => Severity::Hint,
            Some(b'W') => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

codes! {
    // E1: the file and its YAML.
    Unreadable "E101" "The file cannot be read"
        "The path is wrong, the file is not readable for this user, or it is not UTF-8 text."
        ""
    FileTooLarge "E102" "The file is too large"
        "A configuration is at most 1 MiB."
        ""
    YamlSyntax "E103" "The file is not YAML"
        "The YAML reader stopped. The usual causes are a missing quote, a tab as indentation, or a \
         template in braces that is not quoted."
        "events:\n  hello: [1, 2\n"
    SecondReader "E104" "Two YAML readers disagree"
        "A configuration is read by two independent readers and must mean the same to both. This \
         one \
         does not; write the place in a simpler way."
        "x-flow: {key:}\n"
    DuplicateKey "E105" "A key stands twice in one map"
        "YAML readers disagree on which of the two counts, so none does."
        "transport:\n  readTimeout: 60m\n  readTimeout: 30s\n"
    TooDeep "E106" "The file is nested too deeply"
        "Lists and maps nest at most 64 deep."
        "x-deep: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]\
         ]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n"
    TooLarge "E107" "The file expands to too much"
        "Aliases multiply what they name; a file may expand to at most 65,536 values."
        "x-a: &a [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\nx-b: &b [*a,*a,*a,\
         *a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b,\
         *b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nx-d: [*c,*c,*c,*c,*c,*c,*c,*c,\
         *c,*c,*c,*c,*c,*c,*c,*c]\n"
    AnchorCycle "E108" "An alias inside its own anchor"
        "A value cannot contain itself."
        "x-a: &a [1, *a]\n"
    MergeKey "E109" "Merge keys are not supported"
        "`<<` is not part of YAML 1.2 and readers disagree on it. Write the keys out."
        "x-base: &base { path: /ws }\nserver:\n  <<: *base\n"
    Tag "E110" "Tags are not supported"
        "A tag such as `!include` asks for something that a configuration does not do."
        "server:\n  address: !env ADDRESS\n"
    KeyNotText "E111" "A key is not text"
        "A key must be plain text. A template in braces at a key's place needs quotes."
        "events:\n  {.payload}: {}\n"
    SeveralDocuments "E112" "More than one document"
        "A configuration is one YAML document; what follows a second `---` would be ignored."
        "server:\n  path: /ws\n---\nserver:\n  path: /other\n"
    RootNotMap "E113" "The file is not a map"
        "A configuration is a map of sections such as `server`, `transport`, `events`."
        "- server\n- events\n"

    // E1, of several files. `# file: NAME` begins another file of an example.
    FileOutside "E114" "A file outside the folder"
        "`extends` and `include` name files below the folder of the main file, by relative paths \
         without `..`; a link must not lead outside either."
        "extends: ../base.yaml\n"
    FileCycle "E115" "A file that asks for itself"
        "What a file extends or includes must not lead back to it."
        "extends: base.yaml\n# file: base.yaml\nextends: config.yaml\n"
    FileTwice "E116" "A file that is asked for twice"
        "Each file is part of a configuration once. Of two files that need a third, one extends it \
         and the main file extends that one."
        "extends: base.yaml\ninclude: [base.yaml]\n# file: base.yaml\nserver: { path: /ws }\n"
    TooManyFiles "E117" "Too many files"
        "A configuration has at most 256 files, a folder named in a pattern at most 4,096."
        "# generated: files\n"
    PartConflict "E118" "One value stands in two parts"
        "`include` puts files beside each other, so none may replace what another one says. \
         `extends` is for that: the file that extends wins."
        "include: [events/*.yaml]\nserver: { path: /ws }\n# file: events/chat.yaml\n\
         server: { path: /chat }\n"
    BadVariant "E119" "An environment without a usable name"
        "`--env NAME` lays `config.NAME.yaml` over `config.yaml`; a name has letters, digits, `-` \
         and `_`."
        "# variant: ../prod\nserver: { path: /ws }\n"

    NoLayout "E120" "A file that cannot be laid out"
        "`shardwire fmt` would change what the file means, so it leaves it alone. An anchor on a key \
         is a reason."
        ""

    // E2: keys and their shape.
    UnknownKey "E201" "Unknown key"
        "No such option. Keys that begin with `x-` at the top are free for notes and anchors."
        "transport:\n  readTimout: 60m\n"
    WrongShape "E202" "A list, a map or a plain value at the wrong place"
        "The key takes another shape of value."
        "server: { path: { prefix: /ws } }\nevents: [join]\n"
    SetTwice "E203" "One option is set twice"
        "Two spellings of one option are both present. Keep one."
        "auth:\n  secret: ${env.A}\nserver:\n  auth:\n    jwtSecret: ${env.B}\n\
         # env: A=0123456789abcdef0123456789abcdef\n# env: B=0123456789abcdef0123456789abcdef\n\
         "
    BadVersion "E205" "Unknown version of the language"
        "The file asks for a version of the configuration language that this build does not know."
        "version: 7\n"
    EventsInRaw "E206" "Events need JSON messages"
        "With `protocol: raw` messages are opaque and carry no event; use `lifecycle.message`."
        "protocol: raw\nevents:\n  hello:\n    actions:\n      - { name: _log, params: [hello] }\n"
    MessageInJson "E207" "`lifecycle.message` needs the raw protocol"
        "With JSON messages each event has its own pipeline under `events`."
        "lifecycle:\n  message:\n    - close: true\n"
    BadPattern "E208" "Not a pattern of room names"
        "A pattern is text with variables in braces: `{name}` stands for one or more characters \
         other than `:`, `{name:int}` for digits, `{name:rest}` for the rest of the name. Text \
         must separate two variables, and a room must be able to have such a name."
        "rooms:\n  \"chat:{tenant}{id:int}\": { batch: { delay: 2ms } }\n  \
         \"user:{id}\": { batch: { delay: 2ms } }\n"

    // E3: events, actions, templates.
    BadName "E301" "A name is empty, too long, or holds control characters"
        "Names of events, rooms, users and permissions have 1 to 255 bytes \
         and no control characters."
        "events:\n  \"\":\n    actions:\n      - { name: _log, params: [nothing] }\n"
    NameCase "E302" "Event names that differ only in case"
        "Event names are matched exactly and then in lower case, so these two cannot be told apart."
        "events:\n  Ping: { actions: [{ name: _log, params: [one] }] }\n  \
         ping: { actions: [{ name: _log, params: [two] }] }\n"
    UnknownModifier "E303" "Unknown modifier"
        "Modifiers run before the actions; the set is closed."
        "events:\n  hello:\n    modifiers:\n      - { name: rate_limt, \
         params: [10/m] }\n    actions:\n      - { name: _log, params: [hello] \
         }\n"
    UnknownAction "E304" "Unknown action"
        "The set of actions is closed."
        "events:\n  hello:\n    actions:\n      - { name: _notify_rooms, params: [hello, '{}'] }\n"
    WrongArity "E305" "Too few or too many parameters"
        "Every modifier and action takes its own number of parameters, in order."
        "events:\n  join:\n    actions:\n      - { name: _join, params: [\"{$target.id}\"] }\n"
    BadRate "E306" "Not a rate"
        "A rate is a number of events, a slash, and `s`, `m` or `h`: `10/m`."
        "events:\n  hello:\n    modifiers:\n      - { name: rate_limit, \
         params: [10/minute] }\n    actions:\n      - { name: _log, params: \
         [hello] }\n"
    UnknownPermission "E307" "A permission that was not declared"
        "Permissions are declared in the list `permissions`, so that a \
         typo cannot open or lock an event."
        "permissions: [moderate]\nevents:\n  kick:\n    modifiers:\n      \
         - { name: permission, params: [moderat] }\n    actions:\n      \
         - { name: _log, params: [kick] }\n"
    UnknownVariable "E308" "Unknown variable in a template"
        "`{$name}` reads a value of the connection or the message; the set is closed."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: \
         [\"{$usr.id} says hello\"] }\n"
    TokenBeforeSecure "E309" "A token's claim without `secure`"
        "`{$token.claim}` is known only after the modifier `secure` has \
         verified the message's token."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: \
         [\"{$token.sub} says hello\"] }\n"
    BadPath "E310" "A path with an empty step"
        "A path is names with single dots between them."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: [\"{.payload..text}\"] }\n"
    PayloadNotJson "E311" "A payload is not JSON with templates"
        "The payload of a notification is JSON text. A template may stand inside a string or at \
         the \
         place of a value; its value is put in so that the result is always JSON."
        "events:\n  hello:\n    actions:\n      - name: _notify_room\n        \
         params:\n          - greeting\n          - '{\"user\": \"{$user.id}\", \
         \"text\": {.payload.text}'\n"
    TemplateInModifier "E312" "A template in a modifier"
        "Modifiers are fixed when the file is loaded; their parameters are plain text."
        "events:\n  hello:\n    modifiers:\n      - { name: rate_limit, \
         params: [\"{.payload.rate}\"] }\n    actions:\n      - { name: \
         _log, params: [hello] }\n"
    TooManyPaths "E313" "An event reads too many payload fields"
        "One event reads at most 64 paths of the payload and 64 claims."
        "# generated: paths\n"
    EntryWithoutName "E314" "A modifier or action without a name"
        "Each entry is a map with `name` and, mostly, `params`."
        "events:\n  hello:\n    actions:\n      - { params: [hello] }\n"
    UnknownVerb "E315" "Unknown verb"
        "A step does one thing, named by its verb; the set of verbs is closed."
        "protocol: raw\nlifecycle:\n  message:\n    - repli: ${msg}\n"
    OneVerb "E316" "A step with no verb or several"
        "A step is a map with exactly one verb. Two things are two steps."
        "protocol: raw\nlifecycle:\n  message:\n    - { log: a message, reply: \"${msg}\" }\n"
    PermissionTwice "E317" "A permission is declared twice"
        "Each permission stands once in the list `permissions`."
        "permissions: [moderate, moderate]\n"
    ProgramTooLarge "E318" "The program is too large"
        "A configuration has at most 4,096 events; one event has at most 1,024 effects."
        "# generated: events\n"
    FlatNotObject "E319" "A flat payload must be an object"
        "`protocol.out.payload: .` puts the payload's fields beside the event's name, so the \
         payload must \
         be a JSON object."
        "protocol: { out: { event: type, payload: . } }\nevents:\n  hello:\n    \
         actions:\n      - { name: _notify_origin, params: [hello, '[1, \
         2]'] }\n"
    UnknownExpression "E320" "Unknown expression"
        "In the steps of `lifecycle.message`, `${msg}` is the message, \
         `${user.id}` and `${conn.id}` who sent it."
        "protocol: raw\nlifecycle:\n  message:\n    - reply: ${mesg}\n"

    // E4: values of options.
    BadValue "E401" "A value that the option does not take"
        "The option takes one of a few values, a number, or a switch."
        "server:\n  connectionLimit: { maxPerUser: three, mode: recycle }\n"
    BadDuration "E402" "Not a duration"
        "A duration is numbers with units, `ns us ms s m h`: `60m`, `1h30m`, \
         `500ms`. A bare number has no unit."
        "transport:\n  readTimeout: 60\n"
    BadSize "E403" "Not a size"
        "A size is a whole number with `B`, `KiB`, `MiB`, `GiB`, `KB`, `MB` or `GB`: `64KiB`."
        "transport:\n  maxMessageSize: 64 kilo\n"
    OutOfRange "E404" "A value out of range"
        "The value is understood but the option does not allow it."
        "transport:\n  compression: { enabled: true, level: 12 }\n"
    BadAddress "E405" "Not an address"
        "An address is `:port` (every interface) or `host:port` with an IP address."
        "server:\n  address: 8080\n"
    BadOrigin "E406" "Not an origin"
        "An origin is `*`, `scheme://host[:port]` or `scheme://*.host[:port]`, without a path."
        "server:\n  origins: [app.example.com, \"https://app.example.com/chat\"]\n"
    MissingVariable "E407" "An environment variable is not set"
        "`${env.NAME}` has no value. Set the variable or give a default: `${env.NAME ?? 'value'}`."
        "server:\n  path: ${env.WS_PATH}\n"
    BadExpansion "E408" "Not an environment expression"
        "In options only `${env.NAME}` and `${env.NAME ?? 'default'}` are known."
        "server:\n  path: ${WS_PATH}\n"
    NoSecret "E410" "No key to verify tokens with"
        "With `auth.mode: jwt` a server needs a secret or a public key. There is no default: a \
         shipped \
         secret is a public one."
        "# for: serve\nserver:\n  path: /ws\n"
    SecretTooShort "E411" "The secret is too short"
        "An HMAC secret has at least as many bytes as the hash (RFC 7518 \
         section 3.2): 32 for HS256."
        "# for: serve\n# env: SHARDWIRE_AUTH_SECRET=hunter2\nserver:\n  path: /ws\n"
    SecretKnown "E412" "The secret is publicly known"
        "The secret is one of the example values that everybody can look up."
        "# for: serve\nauth:\n  secret: default-secret-key-change-me\n"
    KeyMismatch "E413" "Key and algorithm do not fit"
        "HMAC algorithms (HS...) need a secret, the others need a PEM public key. Mixing them \
         would let anybody sign with the public key."
        "auth:\n  algorithm: RS256\n  secret: ${env.S}\n# env: S=0123456789abcdef0123456789abcdef\n"
    TlsIncomplete "E460" "A certificate without its key"
        "`server.tls` takes a certificate and its key, or as many of both, in the same order."
        "server:\n  tls: { cert: chat.pem }\n"
    CertificateUnreadable "E461" "A certificate or key that cannot be read"
        "The file is missing, or this user may not read it. A path is relative to the folder of \
         the configuration file." ""
    CertificateNotPem "E462" "Not a certificate or key in PEM"
        "Certificates and keys are PEM text: `-----BEGIN CERTIFICATE-----`, `-----BEGIN PRIVATE \
         KEY-----`. `openssl x509 -inform der` makes PEM of DER." ""
    KeyEncrypted "E463" "An encrypted private key"
        "Nobody types a password when a server starts. `openssl pkey -in FILE -out PLAIN` decrypts \
         a key; only the server's user should be able to read the result." ""
    CertificateMismatch "E464" "A key of another certificate"
        "The private key does not belong to the certificate, or its kind cannot be used." ""
    CertificateOutOfTime "E465" "A certificate that is not valid now"
        "The certificate, or one of its chain, has expired or is not valid yet. Clients would \
         refuse it." ""
    CertificateChain "E466" "Certificates in the wrong order"
        "The server's own certificate comes first, then the one that signed it, and so on; the \
         root may be left out." ""

    HistoryTooLarge "E415" "A history that an outbox cannot take"
        "Whoever joins gets a room's history at once, into its outbox. A history may take half of \
         `transport.outbox`, so that nobody is closed as a slow reader for having joined."
        "transport: { outbox: { bytes: 64KiB } }\nrooms:\n  \"chat:{id}\": { history: { size: 100, \
         maxBytes: 64KiB } }\n"
    HistoryOfRaw "E416" "A history of opaque messages"
        "A message of a room with a history says in a field where it stands in the room's order, so \
         messages must have fields."
        "protocol: raw\nlifecycle:\n  message: [{ reply: \"${msg}\" }]\nrooms:\n  \"chat:{id}\": { \
         history: { size: 100 } }\n"
    NoMonitorToken "E414" "The monitor has no token"
        "`monitor.access: token` asks for `monitor.token`, which is not set. Set the variable \
         SHARDWIRE_MONITOR_TOKEN, or choose another access."
        "# for: serve\nauth: { mode: none }\nmonitor: { enabled: true }\n"

    // E42-E44: expressions. An example that begins with `# expression` is checked in the scope
    // of tests/golden.rs.
    ExprSyntax "E420" "Not an expression"
        "The text does not follow the grammar of expressions; the label says what was expected."
        "# expression: payload.count + * 2\n"
    UnclosedHole "E421" "A `${` without its `}`"
        "An expression in a text stands between `${` and `}`. For the two characters themselves \
         write `$${`."
        "# scalar: hello ${user.id and more\n"
    BadString "E422" "Not a string"
        "A string stands in single or double quotes, on one line, with CEL's escapes: \\n \\t \\\" \
         \\' \\\\ \\x41 \\u00e9 \\U0001f600 \\101."
        "# expression: payload.name + 'a\\qb'\n"
    BadNumber "E423" "Not a number"
        "An int has 64 bits; a double has digits on both sides of its point, or an exponent."
        "# expression: payload.count < 9223372036854775808\n"
    ExprTooLarge "E424" "An expression is too large"
        "An expression has at most 4,096 bytes, nests at most 64 deep, and holds at most 64 values \
         at one time."
        "# expression: !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!true\n"
    UnknownName "E425" "Unknown name"
        "The names an expression begins with are known when the file is loaded: what the message, \
         the connection and the user have, and what earlier steps made."
        "# expression: paylod.name\n"
    NotInScope "E426" "A name that is not in scope here"
        "The language has this name, but not at this place."
        "# expression: room.tenant == 'acme'\n"
    UnknownField "E427" "Unknown path"
        "The value is declared, and has no field of this name."
        "# expression: payload.nmae\n# payload: { name: string, count: int }\n"
    NoFields "E428" "A value without fields or elements"
        "Only a map has fields, only a list has elements, and only a value of unknown shape may \
         turn out to have either."
        "# expression: payload.name.first\n"
    MayBeNull "E429" "A value may be null"
        "The value may be missing and is used where one is needed. Give another with `??`, or \
         test it first: `x != null && ...`, `x != null ? ... : ...`, `if: x != null`."
        "# expression: payload.nick + '!'\n"
    TypeMismatch "E430" "An operator that does not take these types"
        "Arithmetic takes two ints or two numbers, `+` also two strings or two lists; \
         `int()`, `double()` and `string()` convert. Values of different types are never equal."
        "# expression: payload.count + payload.name\n"
    WrongType "E431" "A value of another type is needed"
        "The place that uses the value takes one type."
        "# expression: payload.name && payload.count > 1\n"
    UnknownFunction "E432" "Unknown function"
        "The set of functions is closed; docs/expressions.md lists it."
        "# expression: payload.name.startWith('a')\n"
    WrongArguments "E433" "Arguments a function does not take"
        "Every function takes its number and types of arguments."
        "# expression: size(payload.name, 3)\n"
    BadRegex "E434" "Not a pattern"
        "A pattern is a string that is known at load, in the syntax of RE2, and not too large when \
         it is compiled."
        "# expression: payload.name.matches('a(b')\n"
    SecretLeak "E435" "A secret at a place that may show it"
        "A secret, and whatever is computed from one, flows only where secrets are sent on purpose."
        "# expression: 'token ' + conn.jwt\n"
    OmitMisplaced "E436" "`omit` at a place that cannot be left out"
        "`omit` leaves out the key it stands at, so it is a whole value of a key, or the end of a \
         `??` or `? :` that is."
        "# expression: size(omit)\n"
    AlwaysFails "E437" "An expression that always fails"
        "All of its parts are known at load, and it has no value."
        "# expression: payload.count / 0\n"
    NotAValue "E438" "A name that is no value by itself"
        "The name only leads to others."
        "# expression: string(user)\n"
    NotSupported "E439" "A part of CEL that this language leaves out"
        "docs/expressions.md says which parts of CEL are left out, and why."
        "# expression: 3u\n"
    BadLoop "E440" "Not a `map` or `filter`"
        "`list.map(x, e)` and `list.filter(x, e)` name the element with a new name, and stand in \
         each other at most once."
        "# expression: payload.tags.map(1, 2)\n"

    // E7: the native spelling.
    UnknownType "E701" "Unknown type"
        "A schema names one of the types `string int number bool uuid enum list any`, with \
         `optional` and `secret` before it."
        "events:\n  say:\n    payload: { text: strng(1..400) }\n    steps: [{ log: said }]\n"
    BadType "E702" "Not a type"
        "A type is a name with bounds and a default: `string(1..64)`, `list(int)(..20)`, \
         `enum(a|b) = a`. A list of one type is a list of such values."
        "events:\n  say:\n    payload: { tags: list }\n    steps: [{ log: said }]\n"
    BadBounds "E703" "Bounds that no value meets"
        "A range is written `1..64`, `1..`, `..64` or `64`, from less to more; lengths are not \
         negative."
        "events:\n  say:\n    payload: { text: string(64..1) }\n    steps: [{ log: said }]\n"
    BadDefault "E704" "A default that does not fit its type"
        "A default is a value as in JSON, and must itself keep the bounds of its type."
        "events:\n  say:\n    payload: { text: string(2..) = \"a\" }\n    \
         steps: [{ log: said }]\n"
    BothSpellings "E705" "Two spellings in one event"
        "An event has `modifiers` and `actions`, or `payload`, `limit`, `require` and `steps`, \
         not parts of both."
        "events:\n  say:\n    steps: [{ log: said }]\n    \
         actions: [{ name: _log, params: [said] }]\n"
    KeyMisplaced "E706" "A key that means nothing on this step"
        "`into` names the value of a step that has one, `with` the inputs of `use`."
        "events:\n  say:\n    steps: [{ log: said, into: line }]\n"
    BadRecipient "E707" "Nobody to send to"
        "`to` takes `origin`, `user`, `all`, `room` or `target`, or a map with one of `conn`, \
         `user`, `users`, `room`."
        "events:\n  say:\n    steps: [{ send: { to: everybody, event: said } }]\n"
    NoOrigin "E708" "Nothing to answer here"
        "`reply` answers a message; a hook of `lifecycle` has none, and after `disconnect` \
         nobody is left to be told."
        "lifecycle:\n  disconnect:\n    - reply: { event: bye }\n"
    UnknownStateVariable "E709" "A variable that is not declared"
        "`set` changes variables of `state.conn` and `state.user`, as `conn.NAME` and `user.NAME`."
        "state: { conn: { name: string = \"\" } }\nevents:\n  hello:\n    \
         steps: [{ set: { conn.nmae: ada } }]\n"
    UnknownPipeline "E710" "Unknown pipeline"
        "`use` names a pipeline of the section `pipelines`."
        "pipelines:\n  greet: { steps: [{ log: hello }] }\nevents:\n  hello:\n    \
         steps: [{ use: great }]\n"
    Recursion "E711" "A pipeline that uses itself"
        "Pipelines are put in where they are used, so one that leads to itself would have no end."
        "pipelines:\n  a: { steps: [{ use: b }] }\n  b: { steps: [{ use: a }] }\nevents:\n  \
         hello:\n    steps: [{ use: a }]\n"
    MissingInput "E712" "An input that is not given"
        "A pipeline's inputs are given in `with`; only those with a default, or that are optional, \
         may be left out."
        "pipelines:\n  greet:\n    input: { name: string }\n    \
         steps: [{ log: \"hello ${input.name}\" }]\nevents:\n  hello:\n    \
         steps: [{ use: greet }]\n"
    ReservedVerb "E713" "A verb of a later version"
        "`verify` is kept for checking a token in a step; this build does not have it yet."
        "events:\n  auth:\n    steps: [{ verify: \"${payload.token}\" }]\n"
    BadRule "E714" "Not a rule"
        "A rule is a condition, or a map of `when` (the condition), `name`, `mode` (`enforce` or \
         `shadow`) and `error` (what the sender is told)."
        "events:\n  say:\n    require: [{ name: polite }]\n    steps: [{ log: said }]\n"
    TooManyVariables "E715" "Too many variables"
        "A section of `state` declares at most 128 variables, an event holds at most 24 values of \
         steps at one time."
        "# generated: variables\n"
    BadSpread "E716" "Not a value that can be spread"
        "`$spread` copies the fields of one object into the map it stands in: `$spread: \
         ${payload}`."
        "events:\n  say:\n    payload: { text: string }\n    steps:\n      \
         - reply: { event: said, payload: { $spread: \"${payload.text}\" } }\n"
    BadOnError "E717" "Not a way to go on"
        "`onError` takes `stop` (the default) or `continue`."
        "events:\n  say:\n    steps: [{ log: said, onError: ignore }]\n"
    BadCloseCode "E718" "Not a close code"
        "A server may close with 1000 or with 4000 to 4999 (RFC 6455 section 7.4.2), and a reason \
         of at most 123 bytes."
        "events:\n  leave:\n    steps: [{ close: { code: 1006, reason: bye } }]\n"
    BadStateType "E719" "A variable without a value"
        "A variable is `optional` or has a default, so that it has a value from the start."
        "state: { conn: { name: string } }\nevents: {}\n"
    BadExcept "E720" "Nobody to leave out"
        "`except` takes `origin` (the connection) or `user` (all of its user's connections)."
        "events:\n  say:\n    steps: [{ send: { to: all, except: me, event: said } }]\n"
    PayloadNotMap "E721" "A schema of a payload that is no map"
        "The payload of an event is a map of fields, or `any`."
        "events:\n  say:\n    payload: string\n    steps: [{ log: said }]\n"
    UnknownRolePermission "E722" "A role with a permission that was not declared"
        "Roles are names for permissions of the list `permissions`."
        "permissions: [kick]\nroles: { moderator: [kik] }\nevents: {}\n"
    BadLimit "E723" "Not a limit"
        "A limit is a rate, such as `10/m`, or a map of `rate`, `per` and `onExceed`."
        "events:\n  say:\n    limit: { per: [user] }\n    steps: [{ log: said }]\n"
    MissingPart "E724" "A step without a part it needs"
        "`send` needs `to` and `event`, `reply` needs `event`."
        "events:\n  say:\n    steps: [{ send: { event: said } }]\n"

    WaitsHere "E725" "A step that cannot wait here"
        "`join`, `leave` and `set` of a user's variable wait until other shards have answered. In \
         `disconnect`, `join` and `leave` nothing can wait."
        "lifecycle:\n  disconnect:\n    - join: lobby\n"

    BadCall "E731" "Not a call"
        "`call` names a backend, one method (`get`, `post`, `put`, `patch`, `delete`) with a path \
         that begins with `/`, and what else the request needs."
        "backends: { api: { url: \"http://localhost:8000\" } }\nevents:\n  say:\n    steps: \
         [{ call: { backend: api, get: members } }]\n"
    UnknownBackend "E732" "An unknown backend"
        "`call` asks a service that `backends` declares."
        "backends: { api: { url: \"http://localhost:8000\" } }\nevents:\n  say:\n    steps: \
         [{ call: { backend: apy, get: /members } }]\n"
    BadUrl "E733" "Not the URL of a backend"
        "A backend's URL has a scheme (`http`, `https`), a host, maybe a port and a base path. It \
         has no credentials, no query and no fragment."
        "backends: { api: { url: \"http://key@localhost:8000\" } }\nevents: {}\n"
    DefaultInAnswer "E734" "A default in what a call returns"
        "A backend's answer is used as it came; what may be missing is `optional`, and `??` says \
         what stands for it."
        "backends: { api: { url: \"http://localhost:8000\" } }\nevents:\n  say:\n    steps: \
         [{ call: { backend: api, get: /me, returns: { name: string = \"\" } }, into: me }]\n"
    NoInBandAuth "E735" "Nobody says who it is"
        "With `auth.mode: message` the event that `auth.event` names leads to the step `identify`; \
         in the other modes it is known before whose a connection is."
        "auth: { mode: none }\nevents:\n  auth:\n    steps: [{ identify: { user: ada } }]\n"
    // E86: `http` and `metrics`.
    BadRoute "E861" "Not a route"
        "A route is a path that begins with `/`, with one of `json`, `text`, `html`, `redirect` and \
         `handler` (and `status` and `headers`), or a map of such answers by method. The path of \
         the WebSocket endpoint is the shards' own."
        "http:\n  routes:\n    /about: { json: { service: chat }, text: chat }\n"
    MetricsOff "E862" "Metrics that nobody may read"
        "`handler: metrics` shows what `metrics.access` allows, which is nothing unless it says so."
        "http:\n  routes:\n    /internal/metrics: { handler: metrics }\n"
    NoMetricsToken "E863" "Metrics without a token"
        "With `metrics.access: token` whoever reads the metrics sends `metrics.token`, of 16 bytes \
         or more."
        "metrics: { access: token }\n"

    // E6: tests.
    UnknownClient "E601" "A client that the test does not have"
        "A step is about one of the test's `clients`, about `advance` or about `counters`."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: greets\n    \
         clients: { ann: {} }\n    steps:\n      - anne: { hi: \"room:1\" }\n"
    NotOneSubject "E602" "A step of a test with no subject or several"
        "A step is a map with one key: the client that does something, `advance`, or `counters`. \
         Two clients take two steps."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: greets\n    \
         clients: { ann: {}, bob: {} }\n    steps:\n      - { ann: { hi: r }, bob: { hi: r } }\n"
    UnknownDenial "E603" "A denial that cannot happen"
        "`expectDenied` takes the code of a reject, such as `rate_limited`, of a refused connection, \
         such as `bad_token`, or the name of a rule of this configuration."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: greets\n    \
         clients: { ann: {} }\n    steps:\n      - ann: { hi: r, expectDenied: rate_limit }\n"
    UnknownCounter "E604" "A counter that does not exist"
        "Counters are those of the server's report: `deliveries`, `rejects.rate_limited`."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: greets\n    \
         clients: { ann: {} }\n    steps:\n      - counters: { delivered: 1 }\n"
    BadMatcher "E605" "Not a pattern of an expected value"
        "`$any`, `$string`, `$int` and the like match a kind of value, `~ ...` a regular expression, \
         `$name` captures. What is sent has values only."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: greets\n    \
         clients: { ann: {} }\n    steps:\n      - ann:\n          \
         expect: [{ event: $strin }, { event: ~ ^(hi }]\n"
    UnboundCapture "E606" "A value that was not captured"
        "`$name` in a message that is sent stands for what an expectation before it captured."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: greets\n    \
         clients: { ann: {} }\n    steps:\n      - ann: { hi: $room }\n"
    NoConfiguration "E607" "Tests without a configuration"
        "A file of tests names the configuration that they are about with `config`."
        "# for: tests\ntests:\n  - name: greets\n"
    TestTwice "E608" "Two tests with one name"
        "Reports and `--filter` speak of tests by their names."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - { name: greets, \
         steps: [] }\n  - { name: greets, steps: [] }\n"
    EnvelopeInRaw "E609" "An envelope where messages are raw"
        "With `protocol: raw` a message is opaque: a test sends and expects `text` or `binary`."
        "protocol: raw\nlifecycle:\n  message: [{ reply: \"${msg}\" }]\ntests:\n  - name: echoes\n    \
         clients: { ann: {} }\n    steps:\n      - ann: { send: { event: hi } }\n"

    // W: probably not as meant.
    NothingResumes "W507" "A hook that never runs"
        "Connections cannot go on with an earlier one's session in this build, so \
         `lifecycle.resume` never runs."
        "lifecycle:\n  resume:\n    - log: again\n"
    Unreachable "W506" "A step that is never reached"
        "A `stop` without `if` ends the pipeline, so what stands behind it is never done."
        "events:\n  say:\n    steps: [{ stop: true }, { log: said }]\n"
    UnusedVariable "W501" "An environment variable that sets nothing"
        "The variable looks like an override but names no option."
        "# env: SHARDWIRE_SERVER_ADRESS=:80\nserver:\n  path: /ws\n"
    IdleEvent "W502" "An event that does nothing"
        "The event has no actions; messages with it are accepted and dropped."
        "events:\n  typing: {}\n"
    NoEvents "W503" "Nothing to do"
        "The configuration declares no events, so every message is refused."
        "server:\n  path: /ws\n"
    WeakSecret "W504" "The secret is too weak to serve"
        "`serve` will refuse this secret."
        "auth:\n  secret: secret\n"
    PingTooLate "W505" "Pings come later than the read timeout"
        "A quiet but healthy connection is closed before the first ping is sent."
        "transport: { readTimeout: 10s, pingInterval: 25s }\n"

    MonitorOff "W509" "A page of a monitor that is off"
        "`handler: chat`, `admin`, `status` and `monitoring` are pages of the monitor; without \
         `monitor.enabled` they are not found."
        "http:\n  routes: { /: { handler: chat } }\n"
    NoMonitorMessage "W508" "Nothing is counted as a message"
        "`monitor.message` names an event that is not declared, so the monitor counts and shows \
         no messages."
        "monitor: { enabled: true, access: loopback, message: sya }\n\
         events:\n  say: { steps: [{ log: said }] }\n"
    CertificateExpires "W511" "A certificate that expires soon"
        "From the day it names on clients refuse the certificate. Renew it, then reload." ""

    OpenCredentials "W561" "Every web page may read with cookies"
        "`http.cors.credentials` with the origin `*` lets every page of the web read answers as its \
         visitor. Name the origins that may."
        "http: { cors: { origins: '*', credentials: true } }\n"
    NothingIncluded "W510" "A pattern that matches no file"
        "`include` names files by a pattern, and there is none with such a name."
        "include: [events/*.yaml]\nserver: { path: /ws }\n"

    // H: could be better.
    ShortPath "H601" "A payload path without `payload`"
        "`{.x}` is read as `{.payload.x}`; write it out."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: \
         [\"{.name} says hello\"] }\n"
    NoMembership "H602" "Membership is not checked"
        "`_notify_room` sends to the room that the message names, whether or not the sender is \
         in it. \
         `permission` or `secure` restrict who may use the event."
        "events:\n  hello:\n    actions:\n      - { name: _notify_room, params: [hello, '{}'] }\n"
    OldSpelling "H603" "An older spelling of an option"
        "The option is accepted for compatibility; the newer spelling says more."
        "server:\n  ratelimit: { maxConnsPerIP: 20 }\n"
    SecretLater "H604" "The secret must come from the environment"
        "The file has no secret, which is good; `serve` needs one from the environment."
        "server:\n  path: /ws\n"
    MonitorTokenLater "H605" "The monitor's token must come from the environment"
        "The file has no `monitor.token`, which is good; `serve` needs one from the environment."
        "monitor: { enabled: true }\nauth: { mode: none }\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ordered() {
        for (place, code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.text().len(), 4);
            assert!(Code::ALL[place + 1..].iter().all(|other| other.text() != code.text()));
            assert!(!code.title().is_empty() && !code.explanation().is_empty());
        }
    }
}
