//! The tables of docs/scale.md, in Markdown.
//!
//! Invariants: each has a name, by which the document marks where it stands.

use super::inputs::{CHECKED, Inputs, Point};
use super::model::Load;

const CORES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

const GIB: f64 = (1u64 << 30) as f64;
const MIB: f64 = (1u64 << 20) as f64;

/// Every table and its name.
pub fn all(inputs: &Inputs) -> Vec<(&'static str, String)> {
    vec![
        ("inputs", measured(inputs)),
        ("check", checked(inputs)),
        ("cpu", cpu(inputs)),
        ("together", together(inputs)),
        ("giant", giant(inputs)),
        ("memory", memory(inputs)),
        ("storm", storm(inputs)),
    ]
}

/// A full machine: per core 15,625 connections (a million on 64), rooms of ten, a message from
/// each connection every ten seconds, one connection a user.
pub fn chat(shards: f64, gathered: f64) -> Load {
    let connections = 15_625.0 * shards;
    Load {
        shards,
        connections,
        rooms: connections / 10.0,
        members: 10.0,
        publishes_per_s: connections / 10.0,
        gathered,
        together: false,
        limited: false,
    }
}

/// Everybody in one room.
pub fn one_room(shards: f64, members: f64, gathered: f64) -> Load {
    Load {
        shards,
        connections: members,
        rooms: 1.0,
        members,
        publishes_per_s: 1.0,
        gathered,
        together: false,
        limited: false,
    }
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = head.iter().map(|_| "---".to_owned()).collect();
    let head = head.iter().map(|cell| cell.to_string()).collect();
    let rows: String = rows.into_iter().map(line).collect();
    line(head) + &line(rule).replace(' ', "") + &rows
}

/// With commas between the thousands.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three digits that mean something.
fn short(number: f64) -> String {
    match number {
        0.0..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => whole(number),
    }
}

fn measured(inputs: &Inputs) -> String {
    let row = |what: &str, figure: f64, unit: &str, from: &str| {
        vec![what.to_owned(), format!("{} {unit}", whole(figure)), from.to_owned()]
    };
    let (system, counted) = ("`scripts/scale`", "`cargo test --test scale`");
    let mesh = "`cargo bench --bench mesh`";
    table(
        &["figure", "value", "measured by"],
        [
            row(
                "delivery, 1,000 members, one message in flight",
                inputs.lone_delivery_ns,
                "ns",
                system,
            ),
            row("delivery, 1,000 members, 16 in flight", inputs.gathered_delivery_ns, "ns", system),
            row("echoed message, 100 connections", inputs.echo_ns, "ns", system),
            row("connection, opened and closed", inputs.connect_ns, "ns", system),
            row("frame over the mesh", inputs.hop_ns, "ns", mesh),
            row("limit on another shard", inputs.far_limit_ns, "ns", mesh),
            row("a shard without connections", inputs.shard_bytes, "B", system),
            row("a connection, user memory", inputs.conn_bytes, "B", system),
            row("a seat in a room", inputs.seat_bytes, "B", counted),
            row("a room's part on a shard with members", inputs.room_part_bytes, "B", counted),
            row("a room's record at its home", inputs.room_home_bytes, "B", counted),
            row("a connection, kernel slab", inputs.socket_bytes, "B", system),
        ],
    )
}

fn checked(inputs: &Inputs) -> String {
    let rows = CHECKED.iter().map(|point: &Point| {
        let predicted = point.load().ns_per_delivery(inputs);
        let error = (predicted / point.measured_ns - 1.0) * 100.0;
        vec![
            point.name.to_owned(),
            whole(predicted),
            whole(point.measured_ns),
            format!("{error:+.0} %"),
        ]
    });
    table(&["server CPU, ns a delivery", "predicted", "measured", "error"], rows)
}

fn cpu(inputs: &Inputs) -> String {
    let rows = CORES.into_iter().map(|cores| {
        let load = chat(cores, 1.0);
        let cpu = load.cpu(inputs);
        vec![
            whole(cores),
            whole(load.connections),
            whole(load.deliveries_per_s()),
            short(cpu.receive),
            short(cpu.mesh),
            short(cpu.deliver),
            format!("{:.0} %", 100.0 * cpu.total() / cores),
            short(load.gigabits_per_s(128.0)),
        ]
    });
    let head =
        ["cores", "connections", "deliveries/s", "receive", "mesh", "deliver", "busy", "Gbit/s"];
    table(&head, rows)
}

fn together(inputs: &Inputs) -> String {
    let rows = [2.0, 10.0, 100.0, 1_000.0].into_iter().map(|members| {
        let load = Load { members, ..chat(64.0, 1.0) };
        let near = Load { together: true, ..load };
        let gathered = Load { gathered: 16.0, ..load };
        vec![
            whole(members),
            short(load.spread()),
            short(load.frames_of_publish() / members),
            whole(load.ns_per_delivery(inputs)),
            whole(near.ns_per_delivery(inputs)),
            whole(gathered.ns_per_delivery(inputs)),
            whole(Load { together: true, ..gathered }.ns_per_delivery(inputs)),
        ]
    });
    let head = [
        "members",
        "shards",
        "frames a delivery",
        "apart",
        "together",
        "apart, 16 a send",
        "together, 16 a send",
    ];
    table(&head, rows)
}

fn giant(inputs: &Inputs) -> String {
    let sizes = [(8.0, 100_000.0), (64.0, 64.0), (64.0, 100_000.0), (64.0, 1_000_000.0)];
    let rows = sizes.into_iter().map(|(cores, members)| {
        let lone = one_room(cores, members, 1.0);
        let gathered = Load { gathered: 16.0, ..lone };
        let ((lone_max, lone_home), (gathered_max, gathered_home)) =
            (lone.room_per_s_max(inputs), gathered.room_per_s_max(inputs));
        vec![
            whole(cores),
            whole(members),
            short(1e3 / lone_max),
            short(lone_max),
            format!("{:.1} %", 100.0 * lone_home),
            short(gathered_max),
            format!("{:.1} %", 100.0 * gathered_home),
            short(gathered_max * gathered.gigabits_per_s(128.0)),
        ]
    });
    let head = [
        "cores",
        "members",
        "ms a message",
        "messages/s",
        "home's frames",
        "messages/s, 16 a send",
        "home's frames",
        "Gbit/s then",
    ];
    table(&head, rows)
}

fn memory(inputs: &Inputs) -> String {
    let rows = CORES.into_iter().map(|cores| {
        let memory = chat(cores, 1.0).memory(inputs);
        vec![
            whole(cores),
            whole(memory.shards / MIB),
            whole(memory.connections / MIB),
            whole(memory.seats / MIB),
            whole(memory.rooms / MIB),
            whole(memory.kernel / MIB),
            format!("{:.2} GiB", memory.total() / GIB),
        ]
    });
    let head = ["cores", "shards", "connections", "seats", "rooms", "kernel", "all"];
    table(&head, rows)
}

fn storm(inputs: &Inputs) -> String {
    let rows = CORES.into_iter().map(|cores| {
        let load = chat(cores, 1.0);
        let all_s = load.storm_s(inputs, 1.0);
        vec![whole(cores), whole(load.connections), short(all_s), whole(load.connections / all_s)]
    });
    table(&["cores", "connections", "seconds", "connections/s"], rows)
}
