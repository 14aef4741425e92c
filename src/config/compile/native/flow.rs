//! One pipeline in the making: the names its steps may use, and the registers they keep.

use std::collections::BTreeSet;

use super::super::super::environment::Environment;
use super::super::super::expr::{Const, Read, Scope};
use super::super::super::types::{Type, Typed};
use super::super::super::yaml::{Node, NodeKind};
use super::super::ir::{Action, Step};
use super::Native;
use super::routes::bind_request;
use crate::pipeline::op::{Context, Owner, ValueReg, VariableId};
use crate::pipeline::program::Hook;

/// Values that the steps of one pipeline keep; as many registers are left for expressions.
pub const LOCALS_MAX: u8 = 24;

/// Where a pipeline stands, which says what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A message of a client.
    Event,
    Hook(Hook),
    /// What a class of rooms demands of who joins.
    Rule,
    /// An answer of `http.routes`: there is neither a connection nor a message.
    Page,
}

impl Place {
    /// There is a message: its payload, its target, its id.
    pub fn has_message(self) -> bool {
        self == Place::Event
    }

    /// Somebody may be answered.
    pub fn has_origin(self) -> bool {
        !matches!(self, Place::Hook(Hook::Disconnect))
    }

    /// Steps that other shards must confirm may stand here: the connection can be made to wait.
    pub fn may_wait(self) -> bool {
        matches!(self, Place::Event | Place::Hook(Hook::Connect | Hook::Resume))
    }

    fn has_room(self) -> bool {
        matches!(self, Place::Rule | Place::Hook(Hook::Join | Hook::Leave))
    }

    fn has_reason(self) -> bool {
        matches!(self, Place::Hook(Hook::Disconnect | Hook::Join | Hook::Leave))
    }
}

/// See the module.
pub struct Flow {
    pub scope: Scope,
    pub place: Place,
    /// Value registers that are taken.
    pub locals: u8,
    /// The pipelines that are being put in, outermost first.
    pub using: Vec<String>,
    /// The variables that steps set, and the registers that stand for them.
    pub set: Vec<(Owner, VariableId, ValueReg)>,
    /// The payload as a whole, where its fields are bound one by one.
    pub whole_payload: Option<Typed>,
    /// What is compiled just now may hold secrets.
    pub takes_secrets: bool,
    /// What a step does whether its condition holds or not.
    pub before: Vec<Action>,
    /// Variables of the environment that are bound.
    known: BTreeSet<String>,
}

impl Flow {
    /// A register that is kept to the end of the pipeline.
    pub fn local(&mut self) -> ValueReg {
        let register = ValueReg(self.locals.min(LOCALS_MAX));
        self.locals = self.locals.saturating_add(1);
        register
    }

    /// Makes the variables of the environment known that a text speaks of.
    pub fn bind_environment(&mut self, text: &str, environment: &Environment) {
        for rest in text.split("env.").skip(1) {
            let usable = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let name = &rest[..rest.find(|c| !usable(c)).unwrap_or(rest.len())];
            if name.is_empty() || !self.known.insert(name.to_owned()) {
                continue;
            }
            let (typed, value) = match environment.value(name) {
                Some(text) => (Typed::of(Type::String), Const::Text(text.to_owned())),
                None => (Typed::of(Type::Null), Const::Null),
            };
            self.scope.bind(&format!("env.{name}"), typed, Read::Const(value));
        }
    }
}

impl Native<'_> {
    /// The names of a place that every pipeline there has.
    pub fn flow(&self, place: Place) -> Flow {
        let mut scope = Scope::new();
        match place {
            Place::Page => bind_request(&mut scope),
            _ => self.bind_connection(&mut scope),
        }
        let text = || Typed::of(Type::String);
        if place.has_message() {
            scope.bind("target", text(), Read::Context(Context::Target));
        }
        if place.has_room() {
            scope.bind("room.name", text(), Read::Context(Context::Room));
            scope.bind("room.id", text(), Read::Context(Context::Room));
        }
        if place.has_reason() {
            scope.bind("reason", text(), Read::Context(Context::Reason));
        }
        if place == Place::Hook(Hook::Error) {
            bind_error(&mut scope);
        }
        Flow {
            scope,
            place,
            locals: 0,
            using: Vec::new(),
            set: Vec::new(),
            whole_payload: None,
            takes_secrets: false,
            before: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    /// What is known of connection and user everywhere.
    pub fn bind_connection(&self, scope: &mut Scope) {
        self.state.sections().into_iter().for_each(|section| scope.declare(section));
        scope.declare(self.permissions.section());
        let text = || Typed::of(Type::String);
        scope.bind("now", Typed::of(Type::Int), Read::Context(Context::Now));
        scope.bind("conn.id", text(), Read::Context(Context::ConnId));
        scope.bind("conn.ip", text(), Read::Context(Context::Ip));
        scope.bind("user.id", text(), Read::Context(Context::UserId));
        scope.bind("user.claims", Typed::of(Type::Any).optional(), Read::Claims(Vec::new()));
        for (place, name) in self.permissions.names.iter().enumerate().take(usize::from(u8::MAX)) {
            let path = format!("user.can.{name}");
            scope.bind(&path, Typed::of(Type::Bool), Read::Permission(place as u8));
        }
        for (place, one) in self.state.conn.iter().enumerate() {
            let path = format!("conn.{}", one.name);
            let read = Read::ConnVar(place as u8);
            scope.bind_declared(&path, one.schema.typed(), read, Some(one.name_span));
        }
        for (place, one) in self.state.user.iter().enumerate() {
            let path = format!("user.{}", one.name);
            let read = Read::UserVar(place as u8);
            scope.bind_declared(&path, one.schema.typed(), read, Some(one.name_span));
        }
    }

    /// Loads the variables that these steps set: from then on a register stands for each, so that
    /// a step sees what the steps before it have set.
    pub fn begin(&mut self, steps: &Node, flow: &mut Flow) -> Vec<Step> {
        let mut paths = BTreeSet::new();
        self.paths_set(steps, &mut Vec::new(), &mut paths);
        let mut loads = Vec::new();
        for path in paths {
            let Some((of, variable, typed)) = self.variable(&path) else { continue };
            let Some(value) = self.written(&path, steps.span, flow) else { continue };
            let local = flow.local();
            flow.set.push((of, variable, local));
            flow.scope.bind(&path, typed, Read::Local(local));
            loads.push(Step::made(steps.span, Action::Let { local, value }));
        }
        loads
    }

    /// The paths that steps set, in the pipelines they use too.
    fn paths_set(&self, steps: &Node, using: &mut Vec<String>, paths: &mut BTreeSet<String>) {
        let NodeKind::List(items) = &steps.kind else { return };
        for entry in items.iter().filter_map(Node::as_map).flatten() {
            match entry.key.as_str() {
                "set" => {
                    let set = entry.value.as_map().unwrap_or_default();
                    paths.extend(set.iter().map(|entry| entry.key.clone()));
                }
                "use" => self.paths_used(&entry.value, using, paths),
                "onError" => self.paths_set(&entry.value, using, paths),
                _ => {}
            }
        }
    }

    fn paths_used(&self, name: &Node, using: &mut Vec<String>, paths: &mut BTreeSet<String>) {
        let Some(scalar) = name.as_scalar() else { return };
        let found = self.pipelines.iter().find(|entry| entry.key == scalar.text);
        let fields = found.and_then(|entry| entry.value.as_map());
        let steps = fields.and_then(|fields| fields.iter().find(|field| field.key == "steps"));
        if let (Some(steps), false) = (steps, using.contains(&scalar.text)) {
            // Each is looked at once, however often it is used.
            using.push(scalar.text.clone());
            self.paths_set(&steps.value, using, paths);
        }
    }
}

fn bind_error(scope: &mut Scope) {
    let names = [
        ("code", Context::ErrorCode),
        ("message", Context::ErrorMessage),
        ("event", Context::ErrorEvent),
        ("rule", Context::ErrorRule),
        ("field", Context::ErrorField),
        ("reason", Context::ErrorReason),
        ("place", Context::ErrorPlace),
        ("denial", Context::ErrorDenial),
        ("room", Context::ErrorRoom),
    ];
    for (name, value) in names {
        scope.bind(&format!("error.{name}"), Typed::of(Type::String), Read::Context(value));
    }
}
