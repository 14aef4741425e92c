//! E2: keys and their shape.

pages! {
    UnknownKey "Unknown key"
        "No such option. Keys that begin with `x-` at the top are free for notes and anchors."
        "transport:\n  readTimout: 60m\n"
    WrongShape "A list, a map or a plain value at the wrong place"
        "The key takes another shape of value."
        "server: { path: { prefix: /ws } }\nevents: [join]\n"
    SetTwice "One option is set twice"
        "Two spellings of one option are both present. Keep one."
        "auth:\n  secret: ${env.A}\nserver:\n  auth:\n    jwtSecret: ${env.B}\n\
         # env: A=0123456789abcdef0123456789abcdef\n# env: B=0123456789abcdef0123456789abcdef\n\
         "
    BadVersion "Unknown version of the language"
        "The file asks for a version of the configuration language that this build does not know."
        "version: 7\n"
    EventsInRaw "Events need JSON messages"
        "With `protocol: raw` messages are opaque and carry no event; use `lifecycle.message`."
        "protocol: raw\nevents:\n  hello:\n    actions:\n      - { name: _log, params: [hello] }\n"
    MessageInJson "`lifecycle.message` needs the raw protocol"
        "With JSON messages each event has its own pipeline under `events`."
        "lifecycle:\n  message:\n    - close: true\n"
    BadPattern "Not a pattern of room names"
        "A pattern is text with variables in braces: `{name}` stands for one or more characters \
         other than `:`, `{name:int}` for digits, `{name:rest}` for the rest of the name. Text \
         must separate two variables, and a room must be able to have such a name."
        "rooms:\n  \"chat:{tenant}{id:int}\": { batch: { delay: 2ms } }\n  \
         \"user:{id}\": { batch: { delay: 2ms } }\n"
}
