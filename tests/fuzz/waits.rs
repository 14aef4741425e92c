//! Runs that wait, for the fuzzer of the pipeline: what they ask, and what may come.

use super::*;

/// A wait with its texts, and what reads a value that it may have kept.
pub fn wait(random: &mut Random, ops: &mut Vec<Op>) {
    let value = |random: &mut Random| random.pick(&[0, 0, 0, 0, 0, 1, 1, 2, 3]);
    for register in 0..random.pick(&[1, 2, 3, 3, 3, 3, 3, 3]) {
        let pieces: Vec<Op> = (0..random.below(3)).map(|_| piece(random)).collect();
        let slash = (register == 0 && !random.one_in(4)).then_some(Op::Const(ConstId(4)));
        ops.extend([Op::OpenText].into_iter().chain(slash).chain(pieces));
        ops.push(Op::CloseText(Reg(register)));
    }
    let (into, error) = (Out(value(random)), Out(value(random)));
    ops.push(match random.below(3) {
        0 => {
            let keeps = Count(random.below(4) as u8);
            Op::Identify { user: Reg(0), claims: Reg(1), keeps }
        }
        call => Op::Call { call: CallId(call as u16 - 1), into, error },
    });
    let put = Op::Put { value: ValueReg(value(random)), form: Form::Raw };
    let read = [Op::OpenFrame(FrameKind::Text), put, Op::CloseFrame, Op::SendOrigin];
    ops.extend(read.into_iter().filter(|_| !random.one_in(40)));
}

/// What a program may call.
pub fn calls() -> Vec<CallSpec> {
    let call = CallSpec {
        backend: BackendId(0),
        method: Method::Get,
        headers: Vec::new(),
        has_body: false,
        returns: None,
        timeout_ns: None,
        cache_ttl_ns: None,
        is_idempotent: false,
        keeps: 1,
        handles: false,
    };
    let returns = Some(Shape::default().into());
    let (headers, has_body, keeps, handles) = (vec!["x".into()], true, 3, true);
    vec![call.clone(), CallSpec { headers, has_body, returns, keeps, handles, ..call }]
}

/// What may come of a wait.
pub fn came(random: &mut Random) -> Came {
    let failures = [Failure::Timeout, Failure::Broken, Failure::Overloaded, Failure::Refused];
    match random.below(6) {
        0 => Came::Identified(Err(Reject::OtherUser)),
        1 => Came::Identified(Ok(())),
        2 => Came::Answer(Err(random.pick(&failures))),
        _ => {
            let mut body = String::new();
            write_value(random, 3, &mut body);
            let mut body = body.into_bytes();
            body.truncate(body.len() - random.pick(&[0, 0, 0, 1]));
            if random.one_in(8) {
                body.push(random.pick(&[0x80, b'}', 0]));
            }
            let status = random.pick(&[200, 200, 201, 204, 302, 400, 401, 500, 0, 999]);
            Came::Answer(Ok(Reply { status, body: body.into() }))
        }
    }
}

/// Something that is appended.
pub fn piece(random: &mut Random) -> Op {
    let form = random.pick(&[Form::Text, Form::Inner, Form::Raw]);
    let contexts = [Context::UserId, Context::ConnId, Context::Target, Context::EventName];
    match random.below(4) {
        0 => Op::Const(ConstId(random.below(4) as u32)),
        1 => Op::Context { value: random.pick(&contexts), form },
        2 => Op::Message,
        _ => Op::Slot { source: source(random), slot: random.below(9) as u8, form },
    }
}
