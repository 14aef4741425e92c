//! `rooms.<pattern>.join.require`: what a class of rooms demands of who joins.

use super::super::super::expr::Read;
use super::super::super::settings::room_variables;
use super::super::super::types::{Type, Typed};
use super::super::super::yaml::Entry;
use super::super::ir::Pipeline;
use super::Native;
use super::flow::{Flow, Place};

impl<'n> Native<'n> {
    /// The rules of every class that has some, with the class's place.
    pub(super) fn room_joins(&mut self, rooms: Option<&'n Entry>) -> Vec<(usize, Pipeline)> {
        let classes = rooms.and_then(|entry| entry.value.as_map()).unwrap_or_default();
        let mut joins = Vec::new();
        for (class, entry) in classes.iter().enumerate() {
            let require = entry.value.as_map().and_then(join_require);
            joins.extend(require.map(|require| (class, self.room_join(entry, require))));
        }
        joins
    }

    fn room_join(&mut self, class: &Entry, require: &Entry) -> Pipeline {
        let mut flow = self.flow(Place::Rule);
        bind_room(&class.key, &mut flow);
        let steps = self.require(require, &mut flow);
        let locals = self.locals(&flow, class.key_span);
        let (name, span) = (format!("rooms.{}.join", class.key), class.key_span);
        Pipeline { name, span, steps, schema: None, native: true, locals }
    }
}

fn join_require(options: &[Entry]) -> Option<&Entry> {
    let join = options.iter().find(|entry| entry.key == "join")?.value.as_map()?;
    join.iter().find(|entry| entry.key == "require")
}

/// The variables of a pattern, in its order.
fn bind_room(pattern: &str, flow: &mut Flow) {
    for (place, (name, is_int)) in room_variables(pattern).into_iter().enumerate() {
        let ty = if is_int { Type::Int } else { Type::String };
        let path = format!("room.{name}");
        flow.scope.bind(&path, Typed::of(ty), Read::RoomVar(place as u8));
    }
}
