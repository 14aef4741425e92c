//! What the shards' counters are called in `/metrics`.
//!
//! Invariants: every counter of a shard has a row here (a test says so); one without would still be
//! told, by a name made of its own.

use super::format::Kind;

/// A counter, its metric, what it is.
pub(super) struct Row {
    /// As `Counters::each` calls it.
    pub counter: &'static str,
    pub metric: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

const fn counter(counter: &'static str, metric: &'static str, help: &'static str) -> Row {
    Row { counter, metric, kind: Kind::Counter, help }
}

const fn gauge(counter: &'static str, metric: &'static str, help: &'static str) -> Row {
    Row { counter, metric, kind: Kind::Gauge, help }
}

/// Those with one number a shard.
pub(super) const PLAIN: [Row; 45] = [
    gauge("connections", "shardwire_connections", "Connections open now, upgraded or not."),
    counter("upgrades", "shardwire_upgrades_total", "WebSocket connections opened."),
    counter("messagesIn", "shardwire_messages_received_total", "Messages received."),
    counter("deliveries", "shardwire_frames_queued_total", "Frames queued to connections."),
    counter(
        "compressions",
        "shardwire_compressions_total",
        "Messages deflated; one that many receivers share counts once.",
    ),
    counter("bytesIn", "shardwire_received_bytes_total", "Bytes received from sockets."),
    counter("bytesOut", "shardwire_sent_bytes_total", "Bytes sent to sockets."),
    counter("turns", "shardwire_turns_total", "Turns of the loop that found something to do."),
    counter("sends", "shardwire_sends_total", "Sends asked of the kernel."),
    gauge("rooms", "shardwire_rooms", "Rooms whose home is the shard; each has one."),
    gauge("users", "shardwire_users", "Users with a connection on the shard."),
    counter(
        "undelivered",
        "shardwire_undelivered_messages_total",
        "Messages for a room or user that nobody is in.",
    ),
    counter(
        "droppedFrames",
        "shardwire_dropped_frames_total",
        "Frames dropped with the outbox of a connection that read too slowly.",
    ),
    counter(
        "limitedDrops",
        "shardwire_limited_messages_total",
        "Messages that a limit dropped without telling anybody.",
    ),
    counter(
        "forgottenLimits",
        "shardwire_forgotten_limits_total",
        "Counts of limits given up because there were too many at once.",
    ),
    counter("unhandled", "shardwire_unhandled_messages_total", "Raw messages no hook wants."),
    counter("endlessTokens", "shardwire_endless_tokens_total", "Tokens that never expire."),
    counter(
        "acceptErrors",
        "shardwire_accept_errors_total",
        "Accepts that failed, out of files or memory.",
    ),
    counter("meshFull", "shardwire_mesh_full_total", "Times a full channel made a frame wait."),
    counter(
        "volatileDropped",
        "shardwire_volatile_frames_dropped_total",
        "Volatile frames left out for connections that are behind.",
    ),
    counter(
        "conflated",
        "shardwire_conflated_frames_total",
        "Frames that a later one with the same key took the place of.",
    ),
    counter(
        "roomLimited",
        "shardwire_room_limited_messages_total",
        "Messages to rooms that had too many.",
    ),
    counter(
        "passedOver",
        "shardwire_steps_passed_over_total",
        "Steps that were refused while the run went on.",
    ),
    counter(
        "takenOut",
        "shardwire_members_taken_out_total",
        "Members whom the rules that a reload brought took out of their rooms.",
    ),
    counter(
        "wouldTakeOut",
        "shardwire_members_would_take_out_total",
        "Members whom such rules would have taken out, in shadow.",
    ),
    counter("calls", "shardwire_calls_total", "Calls of steps to backends."),
    counter(
        "callsDropped",
        "shardwire_calls_dropped_total",
        "Runs and answers of backends that nobody waited for any more.",
    ),
    counter("tlsHandshakes", "shardwire_tls_handshakes_total", "TLS handshakes that succeeded."),
    counter(
        "tlsResumptions",
        "shardwire_tls_resumptions_total",
        "Those of them that went on from an earlier one.",
    ),
    counter(
        "untold",
        "shardwire_monitor_untold_total",
        "Happenings that the monitor was not told of: too many at once.",
    ),
    gauge(
        "present",
        "shardwire_presence_members",
        "Members of rooms with presence, those who may still come back too.",
    ),
    counter("toldJoins", "shardwire_presence_joins_total", "Joins that members were told of."),
    counter("toldLeaves", "shardwire_presence_leaves_total", "Leaves that members were told of."),
    counter(
        "returns",
        "shardwire_presence_returns_total",
        "Members who came back within the grace, so that nobody was told.",
    ),
    counter(
        "unnamed",
        "shardwire_presence_unnamed_total",
        "Names that messages of presence left out, of rooms too large for them.",
    ),
    counter(
        "unawaited",
        "shardwire_presence_unawaited_total",
        "Leaves told without grace: too many members were awaited.",
    ),
    gauge("historyRooms", "shardwire_history_rooms", "Rooms whose history the shard keeps."),
    gauge("historyBytes", "shardwire_history_bytes", "Bytes of memory that these take."),
    counter(
        "historyReplayed",
        "shardwire_history_replayed_messages_total",
        "Messages that joins got out of histories.",
    ),
    counter(
        "historyRecovered",
        "shardwire_history_recovered_total",
        "Joins that said a place and got all they had missed.",
    ),
    counter(
        "historyUnrecovered",
        "shardwire_history_unrecovered_total",
        "Joins that said a place and did not: too old, not known, or members already.",
    ),
    counter(
        "historyCutBytes",
        "shardwire_history_cut_bytes_messages_total",
        "Messages that left a history early because it had too many bytes.",
    ),
    counter(
        "historyCutMemory",
        "shardwire_history_cut_memory_messages_total",
        "Messages that left a history early because the shard's had too many bytes.",
    ),
    counter(
        "historyEvictedRooms",
        "shardwire_history_evicted_rooms_total",
        "Histories of rooms that nobody is in, given up early: too many rooms.",
    ),
    counter(
        "historyEvictedMemory",
        "shardwire_history_evicted_memory_total",
        "Histories of rooms that nobody is in, given up early: too many bytes.",
    ),
];

/// Groups of counters: the group, its metric, the label with the counter's name, what it is.
pub(super) const GROUPS: [(&str, &str, &str, &str); 8] = [
    ("rejects", "shardwire_rejects_total", "reason", "Messages refused."),
    ("disconnects", "shardwire_disconnects_total", "reason", "Connections closed."),
    ("refusals", "shardwire_refusals_total", "reason", "Requests that did not become WebSockets."),
    (
        "protocolErrors",
        "shardwire_protocol_errors_total",
        "reason",
        "Connections ended by a breach of the WebSocket protocol.",
    ),
    ("tlsFailures", "shardwire_tls_failures_total", "reason", "TLS connections that failed."),
    ("rules", "shardwire_rule_denials_total", "rule", "Rules not met, enforced or in the shadow."),
    ("limits", "shardwire_limit_refusals_total", "limit", "Messages a limit with a name refused."),
    ("metrics", "shardwire_metric_total", "name", "What `metric` steps count."),
];

/// The metric of a counter without a row.
pub(super) fn made_up(counter: &str) -> String {
    let mut name = String::from("shardwire_");
    for c in counter.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    name + "_total"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::counters::Counters;

    #[test]
    fn every_counter_has_its_row() {
        let (mut plain, mut groups) = (Vec::new(), Vec::new());
        Counters::default().each(&mut |group, name, _| match group {
            "" => plain.push(name.to_owned()),
            group if !groups.contains(&group) => groups.push(group),
            _ => {}
        });
        let rows: Vec<&str> = PLAIN.iter().map(|row| row.counter).collect();
        plain.sort_unstable();
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        assert_eq!(plain, sorted);
        for group in groups {
            assert!(GROUPS.iter().any(|(known, ..)| *known == group), "{group}");
        }
    }

    #[test]
    fn a_counter_without_a_row_has_a_name_all_the_same() {
        assert_eq!(made_up("meshFull"), "shardwire_mesh_full_total");
        assert_eq!(made_up("odd name"), "shardwire_odd_name_total");
    }
}
