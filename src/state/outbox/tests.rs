use super::*;
use crate::state::frames::FrameType;

fn outboxes(bytes_max: usize, frames_max: usize, lanes: u32) -> Outboxes {
    let mut out = Outboxes::new(OutboxBounds { bytes_max, frames_max }, Delays::default());
    for slot in 0..lanes {
        out.open_lane(slot);
        out.admit_messages(slot, true);
    }
    out
}

fn frame(out: &mut Outboxes, payload: &[u8]) -> FrameId {
    let mut open = out.pool.open();
    open.bytes().extend_from_slice(payload);
    let sealed = out.pool.seal(open, FrameType::Text);
    out.add(sealed)
}

fn publish(out: &mut Outboxes, payload: &[u8], to: std::ops::Range<u32>) {
    let id = frame(out, payload);
    for slot in to {
        out.push(slot, id).unwrap();
    }
    out.release(id);
}

fn flush(out: &mut Outboxes) -> Vec<(u32, Vec<u8>, usize)> {
    let mut sends = Vec::new();
    while let Some((slot, bytes)) = out.next_send(0) {
        sends.push((slot, bytes.to_vec(), bytes.as_ptr() as usize));
    }
    out.end_flush();
    sends.sort();
    sends
}

#[test]
fn one_frame_is_sent_from_where_it_lies_to_every_member() {
    let mut out = outboxes(1 << 20, 100, 3);
    publish(&mut out, b"hi", 0..3);
    let sends = flush(&mut out);
    assert_eq!(sends.len(), 3);
    assert!(sends.iter().all(|(_, bytes, at)| bytes == b"\x81\x02hi" && *at == sends[0].2));
    assert_eq!(out.frames_live(), 1);
    (0..3).for_each(|slot| assert!(!out.sent(slot)));
    assert_eq!(out.frames_live(), 0);
}

#[test]
fn a_burst_to_a_room_is_one_batch_shared_by_all_members() {
    let mut out = outboxes(1 << 20, 100, 4);
    publish(&mut out, b"a", 0..4);
    publish(&mut out, b"b", 0..3);
    let sends = flush(&mut out);
    let texts: Vec<&[u8]> = sends.iter().map(|(_, bytes, _)| &bytes[..]).collect();
    let both = &b"\x81\x01a\x81\x01b"[..];
    assert_eq!(texts, [both, both, both, &b"\x81\x01a"[..]]);
    assert!(sends[..3].iter().all(|(_, _, at)| *at == sends[0].2), "one buffer");
    (0..4).for_each(|slot| assert!(!out.sent(slot)));
    assert_eq!(out.frames_live(), 0);
}

#[test]
fn while_a_send_is_in_flight_nothing_is_sent_and_nothing_is_lost() {
    let mut out = outboxes(1 << 20, 100, 1);
    publish(&mut out, b"1", 0..1);
    assert_eq!(flush(&mut out).len(), 1);
    publish(&mut out, b"2", 0..1);
    publish(&mut out, b"3", 0..1);
    assert!(flush(&mut out).is_empty());
    out.sent(0);
    assert_eq!(flush(&mut out)[0].1, b"\x81\x012\x81\x013");
    assert!(!out.is_idle(0));
    out.sent(0);
    assert!(out.is_idle(0));
}

#[test]
fn a_large_frame_goes_alone_and_in_order() {
    let mut out = outboxes(1 << 20, 100, 1);
    let large = vec![b'x'; BATCH_FRAME_BYTES_MAX + 1];
    publish(&mut out, b"1", 0..1);
    publish(&mut out, &large, 0..1);
    publish(&mut out, b"2", 0..1);
    let mut lens = Vec::new();
    for _ in 0..3 {
        lens.extend(flush(&mut out).iter().map(|(_, bytes, _)| bytes.len()));
        out.sent(0);
    }
    assert_eq!(lens, [3, large.len() + 4, 3]);
}

#[test]
fn a_lane_takes_messages_only_between_the_101_and_the_close_frame() {
    let mut out = outboxes(100, 3, 0);
    out.open_lane(0);
    let id = frame(&mut out, b"m");
    assert_eq!(out.push(0, id), Err(Unqueued::Shut));
    out.admit_messages(0, true);
    assert_eq!(out.push(0, id), Ok(()));
    out.admit_messages(0, false);
    assert_eq!(out.push(0, id), Err(Unqueued::Shut));
    out.push_unbounded(0, id);
    out.release(id);
    assert_eq!(flush(&mut out)[0].1, b"\x81\x01m\x81\x01m");
}

#[test]
fn bounds_hold_and_a_single_frame_always_fits() {
    let mut out = outboxes(100, 3, 2);
    let big = frame(&mut out, &[b'x'; 500]);
    assert_eq!(out.push(0, big), Ok(()));
    assert_eq!(out.push(0, big), Err(Unqueued::Full));
    out.release(big);
    let small = frame(&mut out, b"s");
    let fits = (0..5).filter(|_| out.push(1, small).is_ok()).count();
    assert_eq!(fits, 3);
    out.release(small);
    assert_eq!((out.clear_lane(0), out.clear_lane(1)), (1, 3));
    assert_eq!(out.frames_live(), 0);
}
