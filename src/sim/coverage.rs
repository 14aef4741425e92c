//! What the tests of a configuration have run, against all there is, each as the file has it: its
//! events, the hooks of `lifecycle`, the rules, the steps.
//!
//! Invariants: a step is counted once, however often it is put in, and is covered once it began:
//! where it has a condition, once that held. Pages and the shape of errors are not counted.

use crate::ids::EventId;
use crate::pipeline::op::Op;
use crate::pipeline::program::{Event, Hook, Program, Site, WrittenStep};
use crate::shard::trace::Trace;

/// One thing that can be covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    pub site: Site,
    pub covered: bool,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub events: Vec<Item>,
    pub hooks: Vec<Item>,
    pub rules: Vec<Item>,
    pub steps: Vec<Item>,
}

/// How many of some items are covered.
pub fn covered(items: &[Item]) -> usize {
    items.iter().filter(|item| item.covered).count()
}

impl Coverage {
    pub fn of(program: &Program, trace: &Trace) -> Coverage {
        let named = (0..program.events.len()).map(|place| EventId(place as u16));
        let named = named.filter(|id| program.is_named(*id));
        let hooks = Hook::OF_LIFECYCLE.into_iter().filter_map(|hook| program.hook(hook));
        Coverage {
            events: named.filter_map(|id| event(program, trace, id)).collect(),
            hooks: hooks.filter_map(|id| event(program, trace, id)).collect(),
            rules: rules(program, trace),
            steps: program.steps.iter().map(|one| step(program, trace, one)).collect(),
        }
    }
}

fn event(program: &Program, trace: &Trace, id: EventId) -> Option<Item> {
    let Event { name, site, entry, .. } = program.event(id)?;
    let covered = trace.visits(*entry as usize) > 0;
    Some(Item { name: name.to_string(), site: *site, covered })
}

/// It is called after the event that it was first put into, and its own name where it has one.
fn step(program: &Program, trace: &Trace, step: &WrittenStep) -> Item {
    let event = step.begins.first().and_then(|at| program.event_at(*at));
    let event = event.map_or("", |event| &event.name);
    let name = match &*step.name {
        "" => event.to_owned(),
        name => format!("{event}, {name}"),
    };
    let covered = step.begins.iter().any(|at| trace.visits(*at as usize) > 0);
    Item { name, site: step.from, covered }
}

/// A rule is covered once it was asked.
fn rules(program: &Program, trace: &Trace) -> Vec<Item> {
    let asked = |place: usize| {
        let asks = |op: &Op| matches!(op, Op::Require { rule, .. } if usize::from(rule.0) == place);
        program.code.iter().enumerate().any(|(at, op)| asks(op) && trace.visits(at) > 0)
    };
    let rules = program.rules.iter().enumerate();
    rules
        .map(|(place, rule)| Item {
            name: rule.name.to_string(),
            site: rule.site,
            covered: asked(place),
        })
        .collect()
}
