//! Scan and projection of one message, by size and shape, and the two scans against each other.

// A bench whose set-up fails has nothing to measure.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shardwire::envelope::scan::scan_scalar;
use shardwire::envelope::{Envelope, Members, Projection, RoutedKeys, Scanner, Slots, project};

/// Makes a message of about so many bytes.
type Shape = fn(usize) -> Vec<u8>;

/// A chat message of exactly `len` bytes.
fn chat(len: usize) -> Vec<u8> {
    let head = br#"{"event":"send_message","target":"room:global","payload":{"message":""#;
    let tail = br#""}}"#;
    let text = "the quick brown fox jumps over the lazy dog, ".bytes().cycle();
    let body: Vec<u8> = text.take(len - head.len() - tail.len()).collect();
    [&head[..], &body, tail].concat()
}

/// A message of about `len` bytes that is all numbers and small objects.
fn dense(len: usize) -> Vec<u8> {
    let mut message = br#"{"event":"move","target":"room:global","payload":{"points":["#.to_vec();
    while message.len() < len - 30 {
        message.extend_from_slice(br#"{"x":12,"y":-3.5,"on":true},"#);
    }
    message.extend_from_slice(b"0]}}");
    message
}

/// A message of about `len` bytes, indented as a person would.
fn indented(len: usize) -> Vec<u8> {
    let head = "{\n    \"event\": \"move\",\n    \"payload\": {\n        \"list\": [";
    let indent = "\n            ";
    let name = "\"name\": \"a name of some length\"";
    let item = format!("{indent}{{{indent}    {name},{indent}    \"id\": 12{indent}}},");
    let mut message = head.as_bytes().to_vec();
    while message.len() < len - 30 {
        message.extend_from_slice(item.as_bytes());
    }
    message.extend_from_slice(b"\n            0\n        ]\n    }\n}\n");
    message
}

/// A message of about `len` bytes whose text is quoted, broken into lines, and not English.
fn escaped(len: usize) -> Vec<u8> {
    let mut message =
        br#"{"event":"send_message","target":"room:global","payload":{"message":""#.to_vec();
    while message.len() < len - 30 {
        message.extend_from_slice("za\u{17c}\u{f3}\u{142}\u{107} \\\"a quote\\\" \\n".as_bytes());
    }
    message.extend_from_slice(br#""}}"#);
    message
}

fn scans(c: &mut Criterion) {
    let keys = RoutedKeys::default();
    let mut envelope = Envelope::default();
    let mut scanner = Scanner::default();
    let mut members = Members::default();
    let shapes: [(&str, Shape); 4] =
        [("chat", chat), ("dense", dense), ("indented", indented), ("escaped", escaped)];
    for (shape, make) in shapes {
        for len in [92, 158, 937, 2_048, 4_096, 8_192, 32_768] {
            let message = make(len);
            let mut group = c.benchmark_group(format!("scan/{shape}/{len}"));
            group.throughput(Throughput::Bytes(message.len() as u64));
            group.bench_function("scalar", |b| {
                b.iter(|| scan_scalar(black_box(&message), &keys, &mut envelope, &mut members))
            });
            group.bench_function("simd", |b| {
                b.iter(|| scanner.scan_simd(black_box(&message), &keys, &mut envelope))
            });
            group.finish();
        }
    }
}

fn scan_and_project(c: &mut Criterion) {
    let keys = RoutedKeys::default();
    let mut projection = Projection::default();
    projection.insert(&["message"]);
    let mut scanner = Scanner::default();
    let mut envelope = Envelope::default();
    let mut slots = Slots::default();
    let mut group = c.benchmark_group("scan_and_project/send_message");
    for len in [92, 158, 937, 8_192] {
        let message = chat(len);
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(len.to_string(), |b| {
            b.iter(|| {
                scanner.scan(black_box(&message), &keys, &mut envelope).unwrap();
                project(&message, envelope.payload, &scanner.members, &projection, &mut slots)
                    .unwrap();
            })
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = scan_and_project, scans
}
criterion_main!(benches);
