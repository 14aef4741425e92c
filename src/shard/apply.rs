//! Carries out what a run asked for, in order.
//!
//! Invariants: a join or leave that other shards must confirm holds the connection, and the effects
//! behind it wait with it: who is told of a join is a member already. A reject is told last, and
//! once. Called by `turn` and `hold`.

use std::sync::Arc;

use super::Shard;
use super::hold::Hold;
use super::peer::PeerFrame;
use super::sending::Sending;
use super::subject::Subject;
use crate::disconnect::Disconnect;
use crate::ids::{ConnKey, ShardId, USER_PREFIX};
use crate::limits::NAME_BYTES_MAX;
use crate::pipeline::By;
use crate::pipeline::effect::{Effect, Effects, Text};
use crate::pipeline::op::Owner;
use crate::reject::Reject;
use crate::settings::Membership;
use crate::state::frames::FrameRef;

/// Whether the effects go on.
pub(super) enum Step {
    Next,
    /// The connection is held until another shard answers.
    Wait,
    /// There is nothing behind it: the run goes on later, or never.
    Parted,
}

/// What a join or leave says.
pub(super) type Moving = Result<Step, Reject>;

impl Shard {
    /// Applies the effects of a run.
    pub(super) fn apply(&mut self, slot: u32, mut effects: Effects, subject: Subject<'_>) {
        effects.list.reverse();
        self.apply_rest(slot, effects, subject);
    }

    /// Applies what is left of a run's effects, the last of the list first, so that each can be
    /// taken off it; gives their memory back to the shard at the end.
    pub(super) fn apply_rest(&mut self, slot: u32, mut effects: Effects, subject: Subject<'_>) {
        while let Some(effect) = effects.list.pop() {
            let is_mark = matches!(effect, Effect::Lenient | Effect::Key { .. });
            match self.apply_one(slot, effect, &mut effects) {
                Ok(Step::Next) => effects.done(is_mark),
                Ok(Step::Wait) => return self.wait_with(slot, effects, subject),
                Ok(Step::Parted) => break,
                Err(_) if effects.lenient => {
                    self.refused_by = By::Nobody;
                    self.counters.passed_over.add(1);
                    effects.pass_over();
                }
                Err(reject) => {
                    effects.refused = Some(reject);
                    effects.by = match std::mem::take(&mut self.refused_by) {
                        By::Nobody => By::Op(effects.at),
                        rules_of_room => rules_of_room,
                    };
                    break;
                }
            }
        }
        if let Some(reject) = effects.refused {
            self.reject(slot, reject, subject, effects.by.into());
        }
        effects.clear();
        self.effects = effects;
    }

    fn apply_one(&mut self, slot: u32, effect: Effect, all: &mut Effects) -> Result<Step, Reject> {
        match effect {
            Effect::SendOrigin { frame } => self.queue_own(slot, frame),
            Effect::SendUser { frame } => {
                if let Some(user) = self.user_of(slot) {
                    self.send_user(user, frame);
                }
            }
            Effect::SendTarget { target, frame, at } => {
                all.at = at;
                self.send_target(all.text(&target), frame)?;
            }
            Effect::Join { user, room, at } => {
                all.at = at;
                return self.move_in(slot, all, &user, &room, true);
            }
            Effect::Leave { user, room, at } => {
                all.at = at;
                return self.move_in(slot, all, &user, &room, false);
            }
            Effect::Log { text, at } => self.log(slot, all, &text, at),
            Effect::Close => self.disconnect(slot, Disconnect::Policy),
            native => return self.apply_native(slot, native, all),
        }
        Ok(Step::Next)
    }

    /// Effects of the native spelling.
    fn apply_native(
        &mut self,
        slot: u32,
        effect: Effect,
        all: &mut Effects,
    ) -> Result<Step, Reject> {
        match effect {
            Effect::Send { to, how, name, frame, at } => {
                all.at = at;
                let key = all.key.take();
                let key = key.as_ref().map(|key| all.text(key));
                self.send(slot, &Sending { to, how, name: all.text(&name), key }, frame)?;
            }
            Effect::Enter { user, room } => return self.move_on(slot, all, &user, &room, true),
            Effect::Arrive { room, since } => {
                let place = since.as_ref().map(|since| all.text(since));
                return self.arrive(slot, all.text(&room), place).unwrap_or_else(|| {
                    all.list.push(Effect::Arrive { room, since });
                    Ok(Step::Wait)
                });
            }
            Effect::Moved { room, joined } => self.moved(slot, all.text(&room), joined),
            Effect::Key { text } => all.key = Some(text),
            Effect::Lenient => all.lenient = true,
            Effect::Set { of: Owner::Conn, variable, value } => {
                self.set_conn(slot, variable.0, all.text(&value));
            }
            Effect::Set { variable, value, .. } => {
                let value: Arc<[u8]> = all.text(&value).as_bytes().into();
                let Some(user) = self.user_of(slot) else { return Ok(Step::Next) };
                let variable = variable.0;
                let frame = |origin, user| PeerFrame::SetUser { origin, user, variable, value };
                return self.ask_home(slot, user, frame);
            }
            Effect::Metric { metric, add } => self.named.metric(metric, add),
            Effect::Grant { user, permission, held, at } => {
                all.at = at;
                let user: Arc<str> = checked_name(all.text(&user))?.into();
                let frame = |origin, user| PeerFrame::Grant { origin, user, permission, held };
                return self.ask_home(slot, user, frame);
            }
            Effect::Await(paused) => return self.await_what(slot, paused),
            Effect::CloseWith { code, reason } => {
                self.disconnect_with(slot, code.0, all.text(&reason));
            }
            // `apply_one` has carried these out. Named, so that a new effect cannot be forgotten.
            Effect::SendOrigin { .. }
            | Effect::SendUser { .. }
            | Effect::SendTarget { .. }
            | Effect::Join { .. }
            | Effect::Leave { .. }
            | Effect::Log { .. }
            | Effect::Close => {}
        }
        Ok(Step::Next)
    }

    fn send_target(&mut self, target: &str, frame: FrameRef) -> Result<(), Reject> {
        match target.strip_prefix(USER_PREFIX) {
            Some(user) => self.send_named(checked_name(user)?, frame),
            None => self.publish(checked_name(target)?, frame),
        }
        Ok(())
    }

    /// To every connection of a user, wherever they are.
    fn send_user(&mut self, user: Arc<str>, frame: FrameRef) {
        let home = self.home_of(&user);
        self.tell(home, PeerFrame::ToUser { user, frame });
    }

    /// The same, for a user that may not be here.
    pub(super) fn send_named(&mut self, user: &str, frame: FrameRef) {
        let home = self.home_of(user);
        if home == self.id {
            return self.on_to_user(user, &frame);
        }
        let user = self.names.share(user);
        self.mesh.push(home, PeerFrame::ToUser { user, frame });
    }

    /// To every member of a room, through its home.
    pub(super) fn publish(&mut self, room: &str, frame: FrameRef) {
        let home = self.home_of(room);
        if home == self.id {
            return self.publish_here(room, frame);
        }
        let name = self.rooms.name(room).unwrap_or_else(|| self.names.share(room));
        self.mesh.push(home, PeerFrame::Publish { room: name, frame });
    }

    /// A join or leave, of the user or of the connection alone, as the room's class says.
    fn move_in(
        &mut self,
        slot: u32,
        all: &mut Effects,
        user: &Text,
        room: &Text,
        join: bool,
    ) -> Result<Step, Reject> {
        let name = all.text(room);
        if self.engine.settings.rooms.is_empty() && !self.has_room_hooks() && all.key.is_none() {
            return self.move_user(slot, all, user, room, join, false);
        }
        checked_name(name)?;
        let membership = self.rooms.membership_of(self.rooms.class_of(name));
        if membership == Membership::Connection && !self.is_own(slot, all.text(user)) {
            return Err(Reject::BadName);
        }
        if join {
            self.may_join(slot, name)?;
        }
        if self.counts_members(name) {
            return self.move_counted(slot, all, user, room, join);
        }
        self.move_on(slot, all, user, room, join)
    }

    /// The same of a room whose members are counted: a place comes before the join, and is given up
    /// with the leave.
    fn move_counted(
        &mut self,
        slot: u32,
        all: &mut Effects,
        user: &Text,
        room: &Text,
        join: bool,
    ) -> Result<Step, Reject> {
        let name: Arc<str> = all.text(room).into();
        let membership = self.rooms.membership_of(self.rooms.class_of(&name));
        let who: Arc<str> = match (membership, self.conns.key(slot)) {
            (Membership::Connection, Some(key)) => key.to_string().into(),
            _ => checked_name(all.text(user))?.into(),
        };
        if !join {
            self.give_up(&name, &who);
            return self.move_on(slot, all, user, room, join);
        }
        // It is taken off the list when there is a place.
        all.list.push(Effect::Enter { user: user.clone(), room: room.clone() });
        let seat = |origin, who| PeerFrame::Seat { origin, room: Arc::clone(&name), who };
        let home = self.home_of(&name);
        let step = self.ask_shard(slot, home, |origin| seat(origin, who));
        if step.is_err() {
            all.list.pop();
        }
        step
    }

    /// A join or leave that nothing stands in the way of.
    fn move_on(
        &mut self,
        slot: u32,
        all: &mut Effects,
        user: &Text,
        room: &Text,
        join: bool,
    ) -> Result<Step, Reject> {
        let name = all.text(room);
        let moves = self.has_room_hooks()
            && self.is_member(slot, name) != join
            && self.is_own(slot, all.text(user));
        let membership = self.rooms.membership_of(self.rooms.class_of(name));
        if moves {
            // It is taken off the list when the move is done.
            all.list.push(Effect::Moved { room: room.clone(), joined: join });
        }
        let alone = join && self.keeps_history(all.text(room));
        let since = all.key.take();
        if (alone || since.is_some()) && self.is_own(slot, all.text(user)) {
            if alone {
                self.arriving.insert(slot, all.text(room).into());
            }
            all.list.push(Effect::Arrive { room: room.clone(), since });
        }
        match membership {
            Membership::User => self.move_user(slot, all, user, room, join, alone),
            Membership::Connection if alone => Ok(Step::Next),
            Membership::Connection => self.move_conn(slot, all.text(room), join),
        }
    }

    /// Asks the user's home to put the user into a room, or take it out.
    fn move_user(
        &mut self,
        slot: u32,
        all: &Effects,
        user: &Text,
        room: &Text,
        join: bool,
        alone: bool,
    ) -> Result<Step, Reject> {
        let user: Arc<str> = checked_name(all.text(user))?.into();
        // Messages to such a target go to the user, so a room of that name could not be reached.
        if all.text(room).starts_with(USER_PREFIX) {
            return Err(Reject::BadName);
        }
        let room: Arc<str> = checked_name(all.text(room))?.into();
        self.ask_home(slot, user, |origin, user| match join {
            true => PeerFrame::Join { origin, user, room, alone },
            false => PeerFrame::Leave { origin, user, room },
        })
    }

    /// Asks a user's home for something that holds the connection until it is done.
    fn ask_home(
        &mut self,
        slot: u32,
        user: Arc<str>,
        frame: impl FnOnce(ConnKey, Arc<str>) -> PeerFrame,
    ) -> Result<Step, Reject> {
        let home = self.home_of(&user);
        self.ask_shard(slot, home, |origin| frame(origin, user))
    }

    /// The same of any shard.
    fn ask_shard(
        &mut self,
        slot: u32,
        home: ShardId,
        frame: impl FnOnce(ConnKey) -> PeerFrame,
    ) -> Result<Step, Reject> {
        let Some(origin) = self.conns.key(slot) else { return Ok(Step::Next) };
        self.hold(slot, Hold::Asked);
        self.tell(home, frame(origin));
        self.asked(slot)
    }

    /// Whether what was asked is answered already.
    pub(super) fn asked(&mut self, slot: u32) -> Result<Step, Reject> {
        match self.hold_mut(slot) {
            Some(Hold::Asked) => Ok(Step::Wait),
            Some(Hold::Refused(reject)) => {
                let reject = *reject;
                self.unhold(slot);
                Err(reject)
            }
            _ => Ok(Step::Next),
        }
    }

    fn wait_with(&mut self, slot: u32, mut effects: Effects, subject: Subject<'_>) {
        effects.keep_subject(subject.event, subject.id);
        if let Some(hold) = self.hold_mut(slot) {
            *hold = Hold::Effects(effects);
        }
    }

    /// Whether this is its own user: hooks and rooms of connections are about nobody else.
    fn is_own(&self, slot: u32, user: &str) -> bool {
        let own = self.conns.get(slot).and_then(|conn| self.users.get(conn.user?));
        own.is_some_and(|own| *own.name == *user)
    }

    pub(super) fn user_of(&self, slot: u32) -> Option<Arc<str>> {
        let user = self.conns.get(slot)?.user?;
        self.users.get(user).map(|user| Arc::clone(&user.name))
    }

    pub(super) fn log(&self, slot: u32, all: &Effects, text: &Text, at: u32) {
        let user = self.user_of(slot);
        let (user, text) = (user.as_deref().unwrap_or_default(), all.text(text));
        let program = &self.engine.program;
        let site = program.site(at as usize);
        let (file, line, step) = (program.file(site), site.line, program.step_name(site));
        tracing::info!(target: "shardwire::pipeline", user, file, line, step, "{text}");
    }
}

/// A room or user name that may be used: not empty, bounded, no control characters.
pub(super) fn checked_name(name: &str) -> Result<&str, Reject> {
    let usable = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !has_control(name);
    usable.then_some(name).ok_or(Reject::BadName)
}

fn has_control(name: &str) -> bool {
    match name.is_ascii() {
        true => name.bytes().any(|byte| byte.is_ascii_control()),
        false => name.contains(char::is_control),
    }
}
