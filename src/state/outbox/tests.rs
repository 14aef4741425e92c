use super::*;
use crate::ids::RoomClassId;
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

const MS_NS: u64 = 1_000_000;

/// Lanes whose only class of rooms waits for 2 ms.
fn delaying(bytes_max: usize, frames_max: usize) -> Outboxes {
    let delays = Delays::new([2 * MS_NS].into_iter());
    let mut out = Outboxes::new(OutboxBounds { bytes_max, frames_max }, delays);
    out.open_lane(0);
    out.admit_messages(0, true);
    out
}

fn publish_delayed(out: &mut Outboxes, payload: &[u8], now_ns: u64) {
    let delay = out.delays.from(RoomClassId(0), now_ns).unwrap();
    let id = frame(out, payload);
    out.push_delayed(0, id, delay).unwrap();
    out.release(id);
}

/// What lane 0 sends now; the send is over at once.
fn sent_now(out: &mut Outboxes) -> Option<Vec<u8>> {
    let sent = flush(out).pop().map(|(_, bytes, _)| bytes);
    if sent.is_some() {
        out.sent(0);
    }
    sent
}

#[test]
fn delayed_messages_leave_together_when_the_first_is_due() {
    let mut out = delaying(1 << 20, 100);
    publish_delayed(&mut out, b"a", 5);
    publish_delayed(&mut out, b"b", MS_NS);
    assert_eq!(out.next_due_ns(), Some(2 * MS_NS + 5));
    out.wake_due(2 * MS_NS + 4);
    assert_eq!(sent_now(&mut out), None);
    out.wake_due(2 * MS_NS + 5);
    assert_eq!(sent_now(&mut out).unwrap(), b"\x81\x01a\x81\x01b");
    assert!(out.next_due_ns().is_none() && out.is_idle(0));
    assert_eq!(out.frames_live(), 0);
}

#[test]
fn what_goes_at_once_takes_along_what_waits_in_order() {
    let mut out = delaying(1 << 20, 100);
    publish_delayed(&mut out, b"a", 0);
    publish(&mut out, b"b", 0..1);
    publish_delayed(&mut out, b"c", 0);
    assert_eq!(sent_now(&mut out).unwrap(), b"\x81\x01a\x81\x01b\x81\x01c");
    assert_eq!(out.next_due_ns(), None);
    // The next one waits its own time.
    publish_delayed(&mut out, b"d", MS_NS);
    assert_eq!(out.next_due_ns(), Some(3 * MS_NS));
    assert_eq!(sent_now(&mut out), None);
}

#[test]
fn the_end_of_a_send_does_not_end_the_wait_of_what_came_meanwhile() {
    let mut out = delaying(1 << 20, 100);
    publish(&mut out, b"1", 0..1);
    assert_eq!(flush(&mut out).len(), 1);
    publish_delayed(&mut out, b"a", 0);
    assert!(out.is_stalled(0), "the write timeout sees it");
    out.sent(0);
    assert_eq!(sent_now(&mut out), None);
    out.wake_due(2 * MS_NS);
    assert_eq!(sent_now(&mut out).unwrap(), b"\x81\x01a");
}

#[test]
fn behind_a_send_in_flight_a_wait_ends_when_it_is_due_or_joined() {
    for joined in [true, false] {
        let mut out = delaying(1 << 20, 100);
        publish(&mut out, b"1", 0..1);
        assert_eq!(flush(&mut out).len(), 1);
        publish_delayed(&mut out, b"a", 0);
        match joined {
            true => publish(&mut out, b"b", 0..1),
            false => out.wake_due(2 * MS_NS),
        }
        assert!(flush(&mut out).is_empty(), "one send at a time");
        assert_eq!(out.next_due_ns(), None);
        publish_delayed(&mut out, b"c", 0);
        out.sent(0);
        let all: &[u8] =
            if joined { b"\x81\x01a\x81\x01b\x81\x01c" } else { b"\x81\x01a\x81\x01c" };
        assert_eq!(sent_now(&mut out).unwrap(), all);
    }
}

#[test]
fn a_sends_worth_does_not_wait() {
    let mut out = delaying(1 << 20, 6);
    (0..2).for_each(|_| publish_delayed(&mut out, b"x", 0));
    assert_eq!(sent_now(&mut out), None);
    publish_delayed(&mut out, b"x", 0);
    assert_eq!(sent_now(&mut out).unwrap().len(), 9);
    let mut out = delaying(1 << 20, 100);
    (0..5).for_each(|_| publish_delayed(&mut out, &[b'x'; 13_000], 0));
    assert_eq!(sent_now(&mut out), None);
    publish_delayed(&mut out, &[b'x'; 1_000], 0);
    // One batch, and what it does not hold right behind it.
    assert_eq!(sent_now(&mut out).unwrap().len(), 5 * 13_004);
    assert_eq!(sent_now(&mut out).unwrap().len(), 1_004);
}

#[test]
fn a_cleared_lane_waits_for_nothing() {
    let mut out = delaying(1 << 20, 100);
    publish_delayed(&mut out, b"a", 0);
    assert_eq!(out.clear_lane(0), 1);
    assert_eq!((out.next_due_ns(), out.frames_live()), (None, 0));
    out.open_lane(0);
    out.admit_messages(0, true);
    publish_delayed(&mut out, b"b", MS_NS);
    assert_eq!(out.next_due_ns(), Some(3 * MS_NS));
    let id = frame(&mut out, b"c");
    (1..100).for_each(|_| {
        let delay = out.delays.from(RoomClassId(0), MS_NS).unwrap();
        let _ = out.push_delayed(0, id, delay);
    });
    let delay = out.delays.from(RoomClassId(0), MS_NS).unwrap();
    assert_eq!(out.push_delayed(0, id, delay), Err(Unqueued::Full));
    out.admit_messages(0, false);
    assert_eq!(out.push_delayed(0, id, delay), Err(Unqueued::Shut));
}
