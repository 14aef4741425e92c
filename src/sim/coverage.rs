//! What the tests of a configuration have run, against all there is.
//!
//! Invariants: a step is a place of the program; it counts as run once any of its operations ran.

use crate::pipeline::op::Op;
use crate::pipeline::program::{Event, Program, Site};
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
    pub rules: Vec<Item>,
    pub steps: Vec<Item>,
}

/// How many of some items are covered.
pub fn covered(items: &[Item]) -> usize {
    items.iter().filter(|item| item.covered).count()
}

impl Coverage {
    pub fn of(program: &Program, trace: &Trace) -> Coverage {
        let mut coverage = Coverage::default();
        let pages: Vec<usize> = program.pages().map(|page| usize::from(page.run.0)).collect();
        // The clients of a test ask for no page.
        let events = program.events.iter().enumerate();
        for (_, event) in events.filter(|(place, _)| !pages.contains(place)) {
            let item = |name: &str, site, covered| Item { name: name.into(), site, covered };
            let run = trace.visits(event.entry as usize) > 0;
            coverage.events.push(item(&event.name, event.site, run));
            let from = coverage.steps.len();
            for at in event.entry as usize..event.end as usize {
                let (site, visited) = (program.site(at), trace.visits(at) > 0);
                if site == event.site || site == Site::default() {
                    continue;
                }
                let steps = coverage.steps.get_mut(from..).unwrap_or_default();
                match steps.iter_mut().find(|step| step.site == site) {
                    Some(step) => step.covered |= visited,
                    None => {
                        coverage.steps.push(item(&step_name(program, event, site), site, visited))
                    }
                }
            }
        }
        coverage.rules = rules(program, trace);
        coverage
    }
}

/// The event's name, and the step's where it has one.
fn step_name(program: &Program, event: &Event, site: Site) -> String {
    match program.step_name(site) {
        "" => event.name.to_string(),
        step => format!("{}, {step}", event.name),
    }
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
