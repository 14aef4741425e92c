//! E6: tests.

pages! {
    UnknownClient "A client that the test does not have"
        "A step is about one of the test's `clients`, about `advance` or about `counters`."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: \
         greets\n    \
         clients: { ann: {} }\n    steps:\n      - anne: { hi: \"room:1\" }\n"
    NotOneSubject "A step of a test with no subject or several"
        "A step is a map with one key: the client that does something, `advance`, or `counters`. \
         Two clients take two steps."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: \
         greets\n    \
         clients: { ann: {}, bob: {} }\n    steps:\n      - { ann: { hi: r }, bob: { hi: r } }\n"
    UnknownDenial "A denial that cannot happen"
        "`expectDenied` takes the code of a reject, such as `rate_limited`, of a refused \
         connection, \
         such as `bad_token`, or the name of a rule of this configuration."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: \
         greets\n    \
         clients: { ann: {} }\n    steps:\n      - ann: { hi: r, expectDenied: rate_limit }\n"
    UnknownCounter "A counter that does not exist"
        "Counters are those of the server's report: `deliveries`, `rejects.rate_limited`."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: \
         greets\n    \
         clients: { ann: {} }\n    steps:\n      - counters: { delivered: 1 }\n"
    BadMatcher "Not a pattern of an expected value"
        "`$any`, `$string`, `$int` and the like match a kind of value, `~ ...` a regular \
         expression, \
         `$name` captures. What is sent has values only."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: \
         greets\n    \
         clients: { ann: {} }\n    steps:\n      - ann:\n          \
         expect: [{ event: $strin }, { event: ~ ^(hi }]\n"
    UnboundCapture "A value that was not captured"
        "`$name` in a message that is sent stands for what an expectation before it captured."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - name: \
         greets\n    \
         clients: { ann: {} }\n    steps:\n      - ann: { hi: $room }\n"
    NoConfiguration "Tests without a configuration"
        "A file of tests names the configuration that they are about with `config`."
        "# for: tests\ntests:\n  - name: greets\n"
    TestTwice "Two tests with one name"
        "Reports and `--filter` speak of tests by their names."
        "events: { hi: { actions: [{ name: _log, params: [hi] }] } }\ntests:\n  - { name: greets, \
         steps: [] }\n  - { name: greets, steps: [] }\n"
    EnvelopeInRaw "An envelope where messages are raw"
        "With `protocol: raw` a message is opaque: a test sends and expects `text` or `binary`."
        "protocol: raw\nlifecycle:\n  message: [{ reply: \"${msg}\" }]\ntests:\n  - name: \
         echoes\n    \
         clients: { ann: {} }\n    steps:\n      - ann: { send: { event: hi } }\n"
}
