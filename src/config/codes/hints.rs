//! H: could be better.

pages! {
    ShortPath "A payload path without `payload`"
        "`{.x}` is read as `{.payload.x}`; write it out."
        "events:\n  hello:\n    actions:\n      - { name: _log, params: \
         [\"{.name} says hello\"] }\n"
    NoMembership "Membership is not checked"
        "`_notify_room` sends to the room that the message names, whether or not the sender is \
         in it. \
         `permission` or `secure` restrict who may use the event."
        "events:\n  hello:\n    actions:\n      - { name: _notify_room, params: [hello, '{}'] }\n"
    OldSpelling "An older spelling of an option"
        "The option is accepted for compatibility; the newer spelling says more."
        "server:\n  ratelimit: { maxConnsPerIP: 20 }\n"
    SecretLater "The secret must come from the environment"
        "The file has no secret, which is good; `serve` needs one from the environment."
        "server:\n  path: /ws\n"
    MonitorTokenLater "The monitor's token must come from the environment"
        "The file has no `monitor.token`, which is good; `serve` needs one from the environment."
        "monitor: { enabled: true }\nauth: { mode: none }\n"
}
