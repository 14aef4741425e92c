//! W: probably not as meant.

pages! {
    NothingResumes "A hook that never runs"
        "Connections cannot go on with an earlier one's session in this build, so \
         `lifecycle.resume` never runs."
        "lifecycle:\n  resume:\n    - log: again\n"
    Unreachable "A step that is never reached"
        "A `stop` without `if` ends the pipeline, so what stands behind it is never done."
        "events:\n  say:\n    steps: [{ stop: true }, { log: said }]\n"
    UnusedVariable "An environment variable that sets nothing"
        "The variable looks like an override but names no option."
        "# env: SHARDWIRE_SERVER_ADRESS=:80\nserver:\n  path: /ws\n"
    IdleEvent "An event that does nothing"
        "The event has no actions; messages with it are accepted and dropped."
        "events:\n  typing: {}\n"
    NoEvents "Nothing to do"
        "The configuration declares no events, so every message is refused."
        "server:\n  path: /ws\n"
    WeakSecret "The secret is too weak to serve"
        "`serve` will refuse this secret."
        "auth:\n  secret: secret\n"
    PingTooLate "Pings come later than the read timeout"
        "A quiet but healthy connection is closed before the first ping is sent."
        "transport: { readTimeout: 10s, pingInterval: 25s }\n"
    MonitorOff "A page of a monitor that is off"
        "`handler: chat`, `admin`, `status` and `monitoring` are pages of the monitor; without \
         `monitor.enabled` they are not found."
        "http:\n  routes: { /: { handler: chat } }\n"
    NoMonitorMessage "Nothing is counted as a message"
        "`monitor.message` names an event that is not declared, so the monitor counts and shows \
         no messages."
        "monitor: { enabled: true, access: loopback, message: sya }\n\
         events:\n  say: { steps: [{ log: said }] }\n"
    CertificateExpires "A certificate that expires soon"
        "From the day it names on clients refuse the certificate. Renew it, then reload." ""
    OpenCredentials "Every web page may read with cookies"
        "`http.cors.credentials` with the origin `*` lets every page of the web read answers as \
         its \
         visitor. Name the origins that may."
        "http: { cors: { origins: '*', credentials: true } }\n"
    NothingIncluded "A pattern that matches no file"
        "`include` names files by a pattern, and there is none with such a name."
        "include: [events/*.yaml]\nserver: { path: /ws }\n"
}
