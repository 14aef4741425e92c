//! E3: events, actions, templates.

pages! {
    BadName "A name is empty, too long, or holds what no name holds"
        "Names of events, rooms, users and permissions have 1 to 255 bytes and no control \
         characters; those of events no backslash either."
        "events:\n  \"\":\n    actions:\n      - { name: _log, params: [nothing] }\n"
    NameCase "Event names that differ only in case"
        "Event names are matched exactly and then in lower case, so these two cannot be told apart."
        "events:\n  Ping: { actions: [{ name: _log, params: [one] }] }\n  \
         ping: { actions: [{ name: _log, params: [two] }] }\n"
    UnknownModifier "Unknown modifier"
        "Modifiers run before the actions; the set is closed."
        "events:\n  hello:\n    modifiers:\n      - { name: rate_limt, \
         params: [10/m] }\n    actions:\n      - { name: _log, params: [hello] \
         }\n"
    UnknownAction "Unknown action"
        "The set of actions is closed."
        "events:\n  hello:\n    actions:\n      - { name: _notify_rooms, params: [hello, '{}'] }\n"
    WrongArity "Too few or too many parameters"
        "Every modifier and action takes its own number of parameters, in order."
        "events:\n  join:\n    actions:\n      - { name: _join, params: [\"{$target.id}\"] }\n"
    BadRate "Not a rate"
        "A rate is a number of events, a slash, and `s`, `m` or `h`: `10/m`."
        "events:\n  hello:\n    modifiers:\n      - { name: rate_limit, \
         params: [10/minute] }\n    actions:\n      - { name: _log, params: \
         [hello] }\n"
    UnknownPermission "A permission that was not declared"
        "Permissions are declared in the list `permissions`, so that a \
         typo cannot open or lock an event."
        "permissions: [moderate]\nevents:\n  kick:\n    modifiers:\n      \
         - { name: permission, params: [moderat] }\n    actions:\n      \
         - { name: _log, params: [kick] }\n"
    UnknownVariable "Unknown variable in a template"
        "`{$name}` reads a value of the connection or the message; the set is closed."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: \
         [\"{$usr.id} says hello\"] }\n"
    TokenBeforeSecure "A token's claim without `secure`"
        "`{$token.claim}` is known only after the modifier `secure` has \
         verified the message's token."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: \
         [\"{$token.sub} says hello\"] }\n"
    BadPath "A path with an empty step"
        "A path is names with single dots between them."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: [\"{.payload..text}\"] }\n"
    PayloadNotJson "A payload is not JSON with templates"
        "The payload of a notification is JSON text. A template may stand inside a string or at \
         the \
         place of a value; its value is put in so that the result is always JSON."
        "events:\n  hello:\n    actions:\n      - name: _notify_room\n        \
         params:\n          - greeting\n          - '{\"user\": \"{$user.id}\", \
         \"text\": {.payload.text}'\n"
    TemplateInModifier "A template in a modifier"
        "Modifiers are fixed when the file is loaded; their parameters are plain text."
        "events:\n  hello:\n    modifiers:\n      - { name: rate_limit, \
         params: [\"{.payload.rate}\"] }\n    actions:\n      - { name: \
         _log, params: [hello] }\n"
    TooManyPaths "An event reads too many payload fields"
        "One event reads at most 64 paths of the payload and 64 claims."
        "# generated: paths\n"
    EntryWithoutName "A modifier or action without a name"
        "Each entry is a map with `name` and, mostly, `params`."
        "events:\n  hello:\n    actions:\n      - { params: [hello] }\n"
    UnknownVerb "Unknown verb"
        "A step does one thing, named by its verb; the set of verbs is closed."
        "protocol: raw\nlifecycle:\n  message:\n    - repli: ${msg}\n"
    OneVerb "A step with no verb or several"
        "A step is a map with exactly one verb. Two things are two steps."
        "protocol: raw\nlifecycle:\n  message:\n    - { log: a message, reply: \"${msg}\" }\n"
    PermissionTwice "A permission is declared twice"
        "Each permission stands once in the list `permissions`."
        "permissions: [moderate, moderate]\n"
    ProgramTooLarge "The program is too large"
        "A configuration has at most 4,096 events; one event has at most 1,024 effects."
        "# generated: events\n"
    FlatNotObject "A flat payload must be an object"
        "`protocol.out.payload: .` puts the payload's fields beside the event's name, so the \
         payload must \
         be a JSON object."
        "protocol: { out: { event: type, payload: . } }\nevents:\n  hello:\n    \
         actions:\n      - { name: _notify_origin, params: [hello, '[1, \
         2]'] }\n"
    UnknownExpression "Unknown expression"
        "In the steps of `lifecycle.message`, `${msg}` is the message, \
         `${user.id}` and `${conn.id}` who sent it."
        "protocol: raw\nlifecycle:\n  message:\n    - reply: ${mesg}\n"
}
