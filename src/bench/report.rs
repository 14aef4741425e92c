//! A run's figures: one JSON object, and a table of the same for people.
//!
//! Invariants: what was not measured is null; a generator that may have been the limit says so next
//! to the figures it may have spoiled.

use std::fmt::Write;

use serde_json::{Value, json};

use super::plan::Plan;
use super::probe::{self, Usage};
use super::run::Measured;
use super::tally::Latency;

/// A generator thread that was on a CPU for more than this share may have been the limit.
const BUSY_SHARE: f64 = 0.9;

/// The share of late sends from which an open loop was not the load that was asked for.
const LATE_SHARE: f64 = 0.01;

const NS_PER_S: f64 = 1e9;

/// The object that `--json` writes.
pub fn json(plan: &Plan, measured: &Measured) -> Value {
    let tally = &measured.tally;
    let seconds = measured.window_ns as f64 / NS_PER_S;
    let (rooms, members) = plan.scene.rooms_and_members();
    let (in_flight, rate) = plan.scene.loop_figures();
    json!({
        "scenario": plan.scene.name(),
        "adapter": plan.adapter.name(),
        "url": plan.target.url,
        "connections": plan.scene.connections(),
        "rooms": rooms,
        "members": members,
        "in_flight": in_flight,
        "rate": rate,
        "size": plan.delivered_bytes,
        "seconds": seconds,
        "messages": tally.done.measured,
        "deliveries": tally.deliveries.measured,
        "messages_per_s": tally.done.measured as f64 / seconds,
        "deliveries_per_s": tally.deliveries.measured as f64 / seconds,
        "whole_run": {
            "sent": tally.sent.all,
            "messages": tally.done.all,
            "deliveries": tally.deliveries.all,
        },
        "lost": tally.lost,
        "refused": tally.refused,
        "errors": tally.errors,
        "notes": tally.notes,
        "latency_us": latency(&tally.latency),
        "others_latency_us": latency(&tally.others),
        "connect": connect(measured),
        "server": server(plan, measured),
        "client": client(plan, measured),
        "version": env!("CARGO_PKG_VERSION"),
        "machine": probe::machine(),
    })
}

/// Null where nothing was recorded.
fn latency(latency: &Latency) -> Value {
    if latency.count() == 0 {
        return Value::Null;
    }
    json!({
        "min": latency.min_us(),
        "p50": latency.quantile_us(0.5),
        "p90": latency.quantile_us(0.9),
        "p99": latency.quantile_us(0.99),
        "p999": latency.quantile_us(0.999),
        "max": latency.max_us(),
        "count": latency.count(),
    })
}

fn connect(measured: &Measured) -> Value {
    let tally = &measured.tally;
    let seconds = tally.connecting_ns() as f64 / NS_PER_S;
    json!({
        "seconds": seconds,
        "per_s": (seconds > 0.0).then(|| tally.opened as f64 / seconds),
        "latency_us": latency(&tally.connect),
    })
}

fn server(plan: &Plan, measured: &Measured) -> Value {
    let pids = &measured.server_pids;
    let (Some(before), Some(start), Some(end)) = (measured.before, measured.start, measured.end)
    else {
        return json!({ "pids": pids });
    };
    let cpu_ns = end.cpu_ns.saturating_sub(start.cpu_ns);
    let (user_ns, system_ns) = split(cpu_ns, &start, &end);
    let each = |count: u64| (count > 0).then(|| cpu_ns as f64 / count as f64);
    let grown = end.rss_bytes.saturating_sub(before.rss_bytes);
    json!({
        "pids": pids,
        "cpu_share": cpu_ns as f64 / measured.window_ns as f64,
        "user_ns": user_ns,
        "system_ns": system_ns,
        "cpu_ns_per_delivery": each(measured.tally.deliveries.measured),
        "cpu_ns_per_message": each(measured.tally.done.measured),
        "rss_bytes": end.rss_bytes,
        "rss_peak_bytes": end.rss_peak_bytes,
        "rss_before_bytes": before.rss_bytes,
        "rss_bytes_per_connection": grown as f64 / plan.scene.connections() as f64,
    })
}

/// The scheduler's exact time, parted as the coarser ticks are.
fn split(cpu_ns: u64, start: &Usage, end: &Usage) -> (Option<u64>, Option<u64>) {
    let user = end.user_ticks.saturating_sub(start.user_ticks);
    let system = end.system_ticks.saturating_sub(start.system_ticks);
    if user + system == 0 {
        return (None, None);
    }
    let user_ns = (cpu_ns as f64 * user as f64 / (user + system) as f64) as u64;
    (Some(user_ns), Some(cpu_ns - user_ns))
}

fn client(plan: &Plan, measured: &Measured) -> Value {
    let why = bottleneck(measured);
    json!({
        "threads": measured.client_shares.len(),
        "spins": plan.spin,
        "cpu_share": measured.client_shares.iter().sum::<f64>(),
        "cpu_shares": measured.client_shares,
        "is_bottleneck": why.is_some(),
        "why": why,
    })
}

/// Why the generator, not the server, may be what was measured.
fn bottleneck(measured: &Measured) -> Option<String> {
    let busiest = measured.client_shares.iter().copied().fold(0.0, f64::max);
    if busiest > BUSY_SHARE {
        return Some(format!(
            "a generator thread was busy for {:.0} % of the time; give --threads or --cpus \
             more, or ask for less",
            busiest * 100.0
        ));
    }
    let (late, due) = (measured.tally.late, measured.tally.due);
    (late as f64 > due as f64 * LATE_SHARE).then(|| {
        format!(
            "{late} of {due} messages went out more than 1 ms late; the generator did not keep its \
             schedule (latencies count from the schedule all the same)"
        )
    })
}

/// The same for people: one figure a line.
pub fn table(report: &Value) -> String {
    let mut table = Table::default();
    let name = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
    table.line("scenario", &format!("{} ({}, {})", name("scenario"), name("adapter"), name("url")));
    table.line("load", &load(report));
    table.rate("messages", &report["messages"], &report["messages_per_s"]);
    table.rate("deliveries", &report["deliveries"], &report["deliveries_per_s"]);
    table.latency("latency", &report["latency_us"]);
    table.latency("others' latency", &report["others_latency_us"]);
    table.latency("connecting", &report["connect"]["latency_us"]);
    for key in ["lost", "refused"] {
        if report[key] != 0 {
            table.line(key, &report[key].to_string());
        }
    }
    for (reason, times) in report["errors"].as_object().into_iter().flatten() {
        table.line("error", &format!("{times} x {reason}"));
    }
    for (what, count) in report["notes"].as_object().into_iter().flatten() {
        table.line("note", &format!("{count} {}", what.replace('_', " ")));
    }
    table.server(&report["server"]);
    let client = &report["client"];
    table.line("generator", &format!("{} of a CPU", percent(&client["cpu_share"])));
    if let Some(why) = client["why"].as_str() {
        table.line("BOTTLENECK", why);
    }
    table.0
}

fn load(report: &Value) -> String {
    let mut load = format!("{} connections", report["connections"]);
    for (key, what) in [("rooms", "rooms"), ("members", "members each")] {
        if !report[key].is_null() {
            let _ = write!(load, ", {} {what}", report[key]);
        }
    }
    if !report["in_flight"].is_null() {
        let _ = write!(load, ", {} in flight", report["in_flight"]);
    }
    if !report["rate"].is_null() {
        let _ = write!(load, ", {} messages/s on schedule", report["rate"]);
    }
    let _ = write!(load, ", {} bytes, {} s", report["size"], report["seconds"]);
    load
}

fn percent(share: &Value) -> String {
    format!("{:.0} %", share.as_f64().unwrap_or_default() * 100.0)
}

#[derive(Default)]
struct Table(String);

impl Table {
    fn line(&mut self, name: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{name:<18} {value}");
    }

    fn rate(&mut self, name: &str, count: &Value, per_s: &Value) {
        let per_s = per_s.as_f64().unwrap_or_default();
        self.line(name, &format!("{count} ({per_s:.0}/s)"));
    }

    fn latency(&mut self, name: &str, latency: &Value) {
        if latency.is_null() {
            return;
        }
        let keys = ["min", "p50", "p90", "p99", "p999", "max"];
        let figures: Vec<String> =
            keys.iter().map(|key| format!("{key} {}", latency[*key])).collect();
        self.line(name, &format!("{} us", figures.join("  ")));
    }

    fn server(&mut self, server: &Value) {
        let Some(share) = server.get("cpu_share") else {
            return self.line("server", "not measured; name it with --server-pid");
        };
        let mut cpu = percent(share);
        for (key, of) in [("cpu_ns_per_delivery", "delivery"), ("cpu_ns_per_message", "message")] {
            if let Some(ns) = server[key].as_f64() {
                let _ = write!(cpu, ", {ns:.0} ns a {of}");
            }
        }
        self.line("server CPU", &cpu);
        let mib = |key: &str| server[key].as_f64().unwrap_or_default() / f64::from(1 << 20);
        let each = server["rss_bytes_per_connection"].as_f64().unwrap_or_default();
        let memory = format!(
            "{:.1} MiB, peak {:.1} MiB, {each:.0} bytes a connection",
            mib("rss_bytes"),
            mib("rss_peak_bytes")
        );
        self.line("server memory", &memory);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Tally;
    use super::*;

    fn measured(shares: &[f64], late: u64) -> Measured {
        let mut tally = Tally::new().unwrap();
        (tally.late, tally.due) = (late, 1_000);
        Measured {
            tally,
            window_ns: 1_000_000_000,
            server_pids: vec![1],
            before: None,
            start: None,
            end: None,
            client_shares: shares.to_vec(),
        }
    }

    #[test]
    fn a_generator_at_its_limit_says_so() {
        assert_eq!(bottleneck(&measured(&[0.5, 0.89], 10)), None);
        assert!(bottleneck(&measured(&[0.5, 0.91], 0)).unwrap().contains("91 %"));
        assert!(bottleneck(&measured(&[0.1], 11)).unwrap().contains("11 of 1000"));
    }

    #[test]
    fn exact_time_is_parted_as_ticks_are() {
        let start = Usage { user_ticks: 10, system_ticks: 10, ..Usage::default() };
        let end = Usage { user_ticks: 20, system_ticks: 40, ..Usage::default() };
        assert_eq!(split(1_000, &start, &end), (Some(250), Some(750)));
        assert_eq!(split(1_000, &start, &start), (None, None));
    }

    #[test]
    fn what_was_not_measured_is_null() {
        assert_eq!(latency(&Latency::new().unwrap()), Value::Null);
        assert!(connect(&measured(&[], 0))["per_s"].is_null());
    }
}
