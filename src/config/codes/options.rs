//! E40, E41, E46: values of options.

pages! {
    BadValue "A value that the option does not take"
        "The option takes one of a few values, a number, or a switch."
        "server:\n  connectionLimit: { maxPerUser: three, mode: recycle }\n"
    BadDuration "Not a duration"
        "A duration is numbers with units, `ns us ms s m h`: `60m`, `1h30m`, \
         `500ms`. A bare number has no unit."
        "transport:\n  readTimeout: 60\n"
    BadSize "Not a size"
        "A size is a whole number with `B`, `KiB`, `MiB`, `GiB`, `KB`, `MB` or `GB`: `64KiB`."
        "transport:\n  maxMessageSize: 64 kilo\n"
    OutOfRange "A value out of range"
        "The value is understood but the option does not allow it."
        "transport:\n  compression: { enabled: true, level: 12 }\n"
    BadAddress "Not an address"
        "An address is `:port` (every interface) or `host:port` with an IP address. A trusted \
         proxy is an IP address, or one with the bits of its network: `10.0.0.0/8`."
        "server:\n  address: 8080\n"
    BadOrigin "Not an origin"
        "An origin is `*`, `scheme://host[:port]` or `scheme://*.host[:port]`, without a path."
        "server:\n  origins: [app.example.com, \"https://app.example.com/chat\"]\n"
    MissingVariable "An environment variable is not set"
        "`${env.NAME}` has no value. Set the variable or give a default: `${env.NAME ?? 'value'}`."
        "server:\n  path: ${env.WS_PATH}\n"
    BadExpansion "Not an environment expression"
        "In options only `${env.NAME}` and `${env.NAME ?? 'default'}` are known."
        "server:\n  path: ${WS_PATH}\n"
    NoSecret "No key to verify tokens with"
        "With `auth.mode: jwt` a server needs a secret or a public key. There is no default: a \
         shipped \
         secret is a public one."
        "# for: serve\nserver:\n  path: /ws\n"
    SecretTooShort "The secret is too short"
        "An HMAC secret has at least as many bytes as the hash (RFC 7518 \
         section 3.2): 32 for HS256."
        "# for: serve\n# env: SHARDWIRE_AUTH_SECRET=hunter2\nserver:\n  path: /ws\n"
    SecretKnown "The secret is publicly known"
        "The secret is one of the example values that everybody can look up."
        "# for: serve\nauth:\n  secret: default-secret-key-change-me\n"
    KeyMismatch "Key and algorithm do not fit"
        "HMAC algorithms (HS...) need a secret, the others need a PEM public key. Mixing them \
         would let anybody sign with the public key."
        "auth:\n  algorithm: RS256\n  secret: ${env.S}\n# env: S=0123456789abcdef0123456789abcdef\n"
    TlsIncomplete "A certificate without its key"
        "`server.tls` takes a certificate and its key, or as many of both, in the same order."
        "server:\n  tls: { cert: chat.pem }\n"
    CertificateUnreadable "A certificate or key that cannot be read"
        "The file is missing, or this user may not read it. A path is relative to the folder of \
         the configuration file." ""
    CertificateNotPem "Not a certificate or key in PEM"
        "Certificates and keys are PEM text: `-----BEGIN CERTIFICATE-----`, `-----BEGIN PRIVATE \
         KEY-----`. `openssl x509 -inform der` makes PEM of DER." ""
    KeyEncrypted "An encrypted private key"
        "Nobody types a password when a server starts. `openssl pkey -in FILE -out PLAIN` decrypts \
         a key; only the server's user should be able to read the result." ""
    CertificateMismatch "A key of another certificate"
        "The private key does not belong to the certificate, or its kind cannot be used." ""
    CertificateOutOfTime "A certificate that is not valid now"
        "The certificate, or one of its chain, has expired or is not valid yet. Clients would \
         refuse it." ""
    CertificateChain "Certificates in the wrong order"
        "The server's own certificate comes first, then the one that signed it, and so on; the \
         root may be left out." ""
    NoMonitorToken "The monitor has no token"
        "`monitor.access: token` asks for `monitor.token`, which is not set. Set the variable \
         SHARDWIRE_MONITOR_TOKEN, or choose another access."
        "# for: serve\nauth: { mode: none }\nmonitor: { enabled: true }\n"
    HistoryTooLarge "A history that an outbox cannot take"
        "Whoever joins gets a room's history at once, into its outbox. A history may take half of \
         `transport.outbox`, so that nobody is closed as a slow reader for having joined."
        "transport: { outbox: { bytes: 64KiB } }\nrooms:\n  \"chat:{id}\": { history: { size: 100, \
         maxBytes: 64KiB } }\n"
    HistoryOfRaw "A history of opaque messages"
        "A message of a room with a history says in a field where it stands in the room's order, \
         so messages must have fields."
        "protocol: raw\nlifecycle:\n  message: [{ reply: \"${msg}\" }]\nrooms:\n  \"chat:{id}\": \
         { history: { size: 100 } }\n"
}
