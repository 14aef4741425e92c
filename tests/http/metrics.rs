//! `/metrics` after traffic of all kinds, read strictly; the Grafana dashboard over it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::exposition::{Labels, Page, read};
use crate::support::Server;
use crate::support::client::{Answer, Chatter, get, http};
use crate::{Site, header};

const LOOPBACK: &str = "metrics: { access: loopback }\n";

const TOKEN: &str = "a-token-of-many-bytes";

/// Names that are awkward as labels.
const AWKWARD: &str = r#"
version: 1
auth: { mode: none }
metrics: { access: public }
events:
  "odd{name}=,'x'": { steps: [{ metric: "odd:name" }] }
  "ünï code": { steps: [{ log: said }] }
  limited: { limit: 2/h, steps: [{ log: said }] }
  shaped:
    payload: { n: int }
    require: [{ name: "po\"lite", when: "payload.n > 0" }]
    steps: [{ log: said }]
"#;

fn page(server: &Server) -> Page {
    let Answer { status, head, body } = get(server.address, "/metrics");
    assert_eq!(status, 200, "{body}");
    assert_eq!(header(&head, "content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    promtool(&body);
    read(&body).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Prometheus' own opinion, where its tool is at hand.
fn promtool(text: &str) {
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = tool.stderr(Stdio::piped()).spawn() else { return };
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(text.as_bytes()).expect("writes");
    drop(stdin);
    let done = child.wait_with_output().expect("ends");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn value(page: &Page, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Labels =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    page.get(name)?.samples.get(&(name.to_owned(), labels)).copied()
}

/// The sum over all samples of a family.
fn sum(page: &Page, name: &str) -> f64 {
    page.get(name).unwrap_or_else(|| panic!("no {name}")).samples.values().sum()
}

#[test]
fn traffic_shows_by_shard_event_and_reason() {
    let site = Site::new("metrics", "");
    site.put("config.yaml", AWKWARD);
    let server = site.serve(&[]);
    let mut ada = Chatter::connect(server.address, "x");
    let mut say = |event: &str, payload: &Value, times: usize| {
        (0..times).for_each(|_| ada.send(event, "", payload));
    };
    say("odd{name}=,'x'", &json!({}), 3);
    say("ünï code", &json!({}), 2);
    say("limited", &json!({}), 5);
    say("shaped", &json!({ "n": 1 }), 1);
    say("shaped", &json!({ "n": 0 }), 2);
    say("shaped", &json!({ "n": "x" }), 4);
    say("unknown", &json!({}), 6);
    (0..15).for_each(|_| drop(ada.expect("error")));
    let page = page(&server);
    let received =
        |event: &str| value(&page, "shardwire_event_messages_total", &[("event", event)]);
    let counted = ["odd{name}=,'x'", "ünï code", "limited", "shaped", "unknown"].map(received);
    assert_eq!(counted, [Some(3.0), Some(2.0), Some(5.0), Some(7.0), None]);
    let rejected = |event: &str, reason: &str| {
        let labels = [("event", event), ("reason", reason)];
        value(&page, "shardwire_event_rejects_total", &labels)
    };
    assert_eq!(rejected("limited", "rate_limited"), Some(3.0));
    assert_eq!(rejected("shaped", "invalid_payload"), Some(4.0));
    assert_eq!(rejected("shaped", "denied"), Some(2.0));
    let reason = |name: &str| value(&page, "shardwire_rejects_total", &[("reason", name)]);
    assert_eq!(reason("unknown_event"), Some(6.0));
    assert_eq!(reason("bad_json"), Some(0.0), "what never happened is there to be compared with");
    assert_eq!(value(&page, "shardwire_metric_total", &[("name", "odd:name")]), Some(3.0));
    assert_eq!(sum(&page, "shardwire_rule_denials_total"), 2.0);
    assert_eq!(sum(&page, "shardwire_messages_received_total"), 23.0);
    let document = crate::support::fixture("../docs/metrics.md");
    let document = std::fs::read_to_string(document).expect("a document");
    let missing = page.keys().find(|name| !document.contains(&format!("`{name}`")));
    assert_eq!(missing, None, "docs/metrics.md");
    assert_eq!(page["shardwire_messages_received_total"].samples.len(), 2, "one a shard");
    assert!(sum(&page, "process_resident_memory_bytes") > 1e6);
}

/// Whatever clients make up, there are no more series than before.
#[test]
fn clients_cannot_make_series() {
    let site = Site::new("bounded", LOOPBACK);
    let server = site.serve(&[]);
    let lines = |server: &Server| get(server.address, "/metrics").body.lines().count();
    let mut ada = Chatter::connect(server.address, "x");
    ada.send("nothing", "", &json!({}));
    ada.expect("error");
    let before = lines(&server);
    for n in 0..200 {
        ada.send(&format!("made-up-{n}"), &format!("room:{n}"), &json!({ "x": n }));
        ada.expect("error");
        get(server.address, &format!("/made-up-{n}"));
    }
    assert_eq!(lines(&server), before);
}

#[test]
fn what_the_control_plane_answers_is_a_histogram() {
    let site = Site::new("histogram", LOOPBACK);
    let server = site.serve(&[]);
    (0..10).for_each(|_| drop(get(server.address, "/nothing")));
    let page = page(&server);
    let family = &page["shardwire_http_request_duration_seconds"];
    let count = ("shardwire_http_request_duration_seconds_count".to_owned(), Labels::new());
    assert!(family.samples[&count] >= 10.0);
    let missed = value(&page, "shardwire_http_requests_total", &[("status", "4xx")]);
    assert_eq!(missed, Some(10.0));
}

#[test]
fn counters_go_on_over_a_reload() {
    let site = Site::new("goes-on", LOOPBACK);
    let server = site.serve(&[]);
    let mut ada = Chatter::connect(server.address, "x");
    let mut say = || {
        ada.send("join", "", &json!({}));
        ada.expect("joined");
    };
    say();
    site.configure("metrics: { access: loopback }\nlog: { level: warn }\n");
    site.reload();
    say();
    let joins = value(&page(&server), "shardwire_event_messages_total", &[("event", "join")]);
    assert_eq!(joins, Some(2.0));
}

#[test]
fn who_may_read_them_is_what_the_configuration_says() {
    let site = Site::new("access", "");
    let server = site.serve(&[("SHARDWIRE_METRICS_TOKEN", TOKEN)]);
    let status = |more: &str| http(server.address, "GET", "/metrics", more, "").status;
    assert_eq!(status(""), 404);
    site.configure(LOOPBACK);
    site.reload();
    assert_eq!(status(""), 200);
    assert_eq!(status("X-Forwarded-For: 127.0.0.1\r\n"), 403);
    assert_eq!(status("Host: rebound.example\r\n"), 403);
    assert_eq!(status("Origin: https://evil.example\r\n"), 403);
    site.configure("metrics: { access: token }\nhttp: { routes: { /m: { handler: metrics } } }\n");
    site.reload();
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!([status(""), status(&bearer("wrong")), status(&bearer(TOKEN))], [401, 401, 200]);
    assert_eq!(http(server.address, "GET", "/m", &bearer(TOKEN), "").status, 200);
    assert_eq!(http(server.address, "GET", "/m", "", "").status, 401);
    assert!(!server.log().contains(TOKEN));
}

/// Names in an expression of Prometheus' language that are metrics.
fn metrics_of(expression: &str) -> Vec<&str> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words = expression.split(word);
    words.filter(|one| one.starts_with("shardwire_") || one.starts_with("process_")).collect()
}

#[test]
fn the_dashboard_shows_metrics_that_there_are() {
    let path = crate::support::fixture("../docs/grafana.json");
    let board: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a dashboard")).expect("JSON");
    assert!(board["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    for key in ["title", "uid"] {
        assert!(board[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
    assert!(board["id"].is_null() && board["time"]["from"].is_string());
    let variables = board["templating"]["list"].as_array().expect("variables");
    assert!(
        variables.iter().any(|one| one["type"] == "datasource" && one["query"] == "prometheus")
    );
    let site = Site::new("dashboard", LOOPBACK);
    let server = site.serve(&[]);
    let page = page(&server);
    let mut ids = Vec::new();
    let panels = board["panels"].as_array().expect("panels");
    for panel in panels {
        ids.push(panel["id"].as_u64().expect("an id"));
        let place =
            ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect("a place"));
        assert!(place[0] + place[2] <= 24 && place[2] > 0 && place[3] > 0, "{panel}");
        assert!(panel["title"].is_string() && panel["type"].is_string());
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty());
        for target in targets {
            let expression = target["expr"].as_str().expect("an expression");
            let named = metrics_of(expression);
            assert!(!named.is_empty(), "{expression}");
            assert!(target["refId"].is_string());
            for name in named {
                let family = name.trim_end_matches("_bucket");
                assert!(page.contains_key(name) || page.contains_key(family), "no metric {name}");
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
}
