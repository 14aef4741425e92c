//! The decoder alone, from received bytes to items. Each run unmasks a fresh copy of the bytes; the
//! copying is not timed.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use shardwire::ws::deflate::Compressor;
use shardwire::ws::{Decoder, Input, Item, Negotiated, Rules, Shared};
use std::hint::black_box;

const RULES: Rules = Rules { message_bytes_max: 1 << 20, fragments_max: 1_024 };
const CHAT: &[u8] = br#"{"event":"chat.message","target":"lobby","payload":
{"text":"hello, everybody in the room, how are you today?","kind":"plain","lang":"en"},
"id":"0123456789"}"#;

const DEFLATE: Negotiated = Negotiated {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_bits: 15,
    client_bits: 15,
    server_bits_offered: false,
};

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0xfe);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0xff);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

/// Decodes all of it; the bytes of all messages.
fn decode(decoder: &mut Decoder, shared: &mut Shared, bytes: &mut [u8]) -> usize {
    let mut input = Input::new(bytes);
    let mut total = 0;
    while let Ok(Some(item)) = decoder.next(&mut input, &RULES, shared) {
        if let Item::Message { bytes, .. } = black_box(item) {
            total += bytes.len();
        }
    }
    total
}

fn bench(c: &mut Criterion, name: &str, pieces: &[Vec<u8>], want: usize) {
    let mut group = c.benchmark_group("decode");
    let total: usize = pieces.iter().map(Vec::len).sum();
    group.throughput(Throughput::Bytes(total as u64));
    let (mut decoder, mut shared) = (Decoder::new(Some(&DEFLATE)), Shared::default());
    group.bench_function(name, |b| {
        b.iter_batched_ref(
            || pieces.to_vec(),
            |pieces| {
                let decoded: usize =
                    pieces.iter_mut().map(|p| decode(&mut decoder, &mut shared, p)).sum();
                assert_eq!(want, decoded);
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn benches(c: &mut Criterion) {
    let one = frame(0x81, CHAT);
    let big = vec![b'x'; 64 * 1024];
    bench(c, "one_text_frame", std::slice::from_ref(&one), CHAT.len());
    bench(c, "32_text_frames", &[one.repeat(32)], 32 * CHAT.len());
    bench(c, "64_KiB_frame", &[frame(0x81, &big)], big.len());
    let (head, tail) = one.split_at(80);
    bench(c, "one_text_frame_in_two_reads", &[head.to_vec(), tail.to_vec()], CHAT.len());
    let (head, tail) = CHAT.split_at(80);
    let fragments = [frame(0x01, head), frame(0x80, tail)].concat();
    bench(c, "two_fragments", &[fragments], CHAT.len());
    let mut payload = Vec::new();
    Compressor::new(6, 15, false).compress(CHAT, &mut payload);
    bench(c, "one_deflated_frame", &[frame(0xc1, &payload)], CHAT.len());
}

criterion_group!(all, benches);
criterion_main!(all);
