//! E7: the native spelling.

pages! {
    UnknownType "Unknown type"
        "A schema names one of the types `string int number bool uuid enum list any`, with \
         `optional` and `secret` before it."
        "events:\n  say:\n    payload: { text: strng(1..400) }\n    steps: [{ log: said }]\n"
    BadType "Not a type"
        "A type is a name with bounds and a default: `string(1..64)`, `list(int)(..20)`, \
         `enum(a|b) = a`. A list of one type is a list of such values."
        "events:\n  say:\n    payload: { tags: list }\n    steps: [{ log: said }]\n"
    BadBounds "Bounds that no value meets"
        "A range is written `1..64`, `1..`, `..64` or `64`, from less to more; lengths are not \
         negative."
        "events:\n  say:\n    payload: { text: string(64..1) }\n    steps: [{ log: said }]\n"
    BadDefault "A default that does not fit its type"
        "A default is a value as in JSON, and must itself keep the bounds of its type."
        "events:\n  say:\n    payload: { text: string(2..) = \"a\" }\n    \
         steps: [{ log: said }]\n"
    BothSpellings "Two spellings in one event"
        "An event has `modifiers` and `actions`, or `payload`, `limit`, `require` and `steps`, \
         not parts of both."
        "events:\n  say:\n    steps: [{ log: said }]\n    \
         actions: [{ name: _log, params: [said] }]\n"
    KeyMisplaced "A key that means nothing on this step"
        "`into` names the value of a step that has one, `with` the inputs of `use`."
        "events:\n  say:\n    steps: [{ log: said, into: line }]\n"
    BadRecipient "Nobody to send to"
        "`to` takes `origin`, `user`, `all`, `room` or `target`, or a map with one of `conn`, \
         `user`, `users`, `room`."
        "events:\n  say:\n    steps: [{ send: { to: everybody, event: said } }]\n"
    NoOrigin "Nothing to answer here"
        "`reply` answers a message; a hook of `lifecycle` has none, and after `disconnect` \
         nobody is left to be told."
        "lifecycle:\n  disconnect:\n    - reply: { event: bye }\n"
    UnknownStateVariable "A variable that is not declared"
        "`set` changes variables of `state.conn` and `state.user`, as `conn.NAME` and `user.NAME`."
        "state: { conn: { name: string = \"\" } }\nevents:\n  hello:\n    \
         steps: [{ set: { conn.nmae: ada } }]\n"
    UnknownPipeline "Unknown pipeline"
        "`use` names a pipeline of the section `pipelines`."
        "pipelines:\n  greet: { steps: [{ log: hello }] }\nevents:\n  hello:\n    \
         steps: [{ use: great }]\n"
    Recursion "A pipeline that uses itself"
        "Pipelines are put in where they are used, so one that leads to itself would have no end."
        "pipelines:\n  a: { steps: [{ use: b }] }\n  b: { steps: [{ use: a }] }\nevents:\n  \
         hello:\n    steps: [{ use: a }]\n"
    MissingInput "An input that is not given"
        "A pipeline's inputs are given in `with`; only those with a default, or that are optional, \
         may be left out."
        "pipelines:\n  greet:\n    input: { name: string }\n    \
         steps: [{ log: \"hello ${input.name}\" }]\nevents:\n  hello:\n    \
         steps: [{ use: greet }]\n"
    ReservedVerb "A verb of a later version"
        "`verify` is kept for checking a token in a step; this build does not have it yet."
        "events:\n  auth:\n    steps: [{ verify: \"${payload.token}\" }]\n"
    BadRule "Not a rule"
        "A rule is a condition, or a map of `when` (the condition), `name`, `mode` (`enforce` or \
         `shadow`) and `error` (what the sender is told)."
        "events:\n  say:\n    require: [{ name: polite }]\n    steps: [{ log: said }]\n"
    TooManyVariables "Too many variables"
        "A section of `state` declares at most 128 variables, an event holds at most 24 values of \
         steps at one time."
        "# generated: variables\n"
    BadSpread "Not a value that can be spread"
        "`$spread` copies the fields of one object into the map it stands in: `$spread: \
         ${payload}`."
        "events:\n  say:\n    payload: { text: string }\n    steps:\n      \
         - reply: { event: said, payload: { $spread: \"${payload.text}\" } }\n"
    BadOnError "Not a way to go on"
        "`onError` takes `stop` (the default) or `continue`."
        "events:\n  say:\n    steps: [{ log: said, onError: ignore }]\n"
    BadCloseCode "Not a close code"
        "A server may close with 1000 or with 4000 to 4999 (RFC 6455 section 7.4.2), and a reason \
         of at most 123 bytes."
        "events:\n  leave:\n    steps: [{ close: { code: 1006, reason: bye } }]\n"
    BadStateType "A variable without a value"
        "A variable is `optional` or has a default, so that it has a value from the start."
        "state: { conn: { name: string } }\nevents: {}\n"
    BadExcept "Nobody to leave out"
        "`except` takes `origin` (the connection) or `user` (all of its user's connections)."
        "events:\n  say:\n    steps: [{ send: { to: all, except: me, event: said } }]\n"
    PayloadNotMap "A schema of a payload that is no map"
        "The payload of an event is a map of fields, or `any`."
        "events:\n  say:\n    payload: string\n    steps: [{ log: said }]\n"
    UnknownRolePermission "A role with a permission that was not declared"
        "Roles are names for permissions of the list `permissions`."
        "permissions: [kick]\nroles: { moderator: [kik] }\nevents: {}\n"
    BadLimit "Not a limit"
        "A limit is a rate, such as `10/m`, or a map of `rate`, `per` and `onExceed`."
        "events:\n  say:\n    limit: { per: [user] }\n    steps: [{ log: said }]\n"
    MissingPart "A step without a part it needs"
        "`send` needs `to` and `event`, `reply` needs `event`."
        "events:\n  say:\n    steps: [{ send: { event: said } }]\n"
    WaitsHere "A step that cannot wait here"
        "`join`, `leave` and `set` of a user's variable wait until other shards have answered. In \
         `disconnect`, `join` and `leave` nothing can wait."
        "lifecycle:\n  disconnect:\n    - join: lobby\n"
    BadCall "Not a call"
        "`call` names a backend, one method (`get`, `post`, `put`, `patch`, `delete`) with a path \
         that begins with `/`, and what else the request needs."
        "backends: { api: { url: \"http://localhost:8000\" } }\nevents:\n  say:\n    steps: \
         [{ call: { backend: api, get: members } }]\n"
    UnknownBackend "An unknown backend"
        "`call` asks a service that `backends` declares."
        "backends: { api: { url: \"http://localhost:8000\" } }\nevents:\n  say:\n    steps: \
         [{ call: { backend: apy, get: /members } }]\n"
    BadUrl "Not the URL of a backend"
        "A backend's URL has a scheme (`http`, `https`), a host, maybe a port and a base path. It \
         has no credentials, no query and no fragment."
        "backends: { api: { url: \"http://key@localhost:8000\" } }\nevents: {}\n"
    DefaultInAnswer "A default in what a call returns"
        "A backend's answer is used as it came; what may be missing is `optional`, and `??` says \
         what stands for it."
        "backends: { api: { url: \"http://localhost:8000\" } }\nevents:\n  say:\n    steps: \
         [{ call: { backend: api, get: /me, returns: { name: string = \"\" } }, into: me }]\n"
    NoInBandAuth "Nobody says who it is"
        "With `auth.mode: message` the event that `auth.event` names leads to the step `identify`; \
         in the other modes it is known before whose a connection is."
        "auth: { mode: none }\nevents:\n  auth:\n    steps: [{ identify: { user: ada } }]\n"
}
