//! E86: `http` and `metrics`.

pages! {
    BadRoute "Not a route"
        "A route is a path that begins with `/`, with one of `json`, `text`, `html`, `redirect` \
         and \
         `handler` (and `status` and `headers`), or a map of such answers by method. The path of \
         the WebSocket endpoint is the shards' own."
        "http:\n  routes:\n    /about: { json: { service: chat }, text: chat }\n"
    MetricsOff "Metrics that nobody may read"
        "`handler: metrics` shows what `metrics.access` allows, which is nothing unless it says so."
        "http:\n  routes:\n    /internal/metrics: { handler: metrics }\n"
    NoMetricsToken "Metrics without a token"
        "With `metrics.access: token` whoever reads the metrics sends `metrics.token`, of 16 bytes \
         or more."
        "metrics: { access: token }\n"
}
