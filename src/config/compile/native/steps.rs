//! Steps: maps with exactly one verb, plus `if`, `into`, `onError`, `name`, `with`.

use super::super::super::codes::Code;
use super::super::super::diagnostic::Diagnostic;
use super::super::super::expr::{Facts, Want};
use super::super::super::types::Type;
use super::super::super::yaml::{Entry, Node, NodeKind};
use super::super::ir::{Action, Expression, Step};
use super::flow::Flow;
use super::verbs::{RESERVED, VERBS, Verb};
use super::{Native, shape};

/// The keys of a step that are no verbs.
const FIELDS: [&str; 5] = ["if", "into", "onError", "name", "with"];

/// What stands on a step besides its verb.
#[derive(Default)]
pub struct Beside<'n> {
    pub into: Option<&'n Entry>,
    pub with: Option<&'n Entry>,
    /// The step is not always done, or not to its end.
    pub may_be_left_out: bool,
    /// The steps of `onError`.
    pub failed: Option<&'n Node>,
}

impl Native<'_> {
    /// A list of steps.
    pub fn steps(&mut self, node: &Node, flow: &mut Flow) -> Vec<Step> {
        if node.is_null() {
            return Vec::new();
        }
        let NodeKind::List(items) = &node.kind else {
            self.findings.push(shape("a pipeline is a list of steps", node));
            return Vec::new();
        };
        let mut steps: Vec<Step> = Vec::new();
        for item in items {
            if let Some(Step { action: Action::Stop, cond: None, .. }) = steps.last() {
                let finding = Diagnostic::new(Code::Unreachable, "this step is never reached");
                self.findings.push(finding.label(item.span, "behind a `stop` without `if`"));
                break;
            }
            steps.extend(self.step(item, flow));
        }
        steps
    }

    fn step(&mut self, node: &Node, flow: &mut Flow) -> Option<Step> {
        let Some(entries) = node.as_map() else {
            let finding = shape("a step is a map with one verb", node);
            self.findings.push(finding.help("such as `- reply: { event: done }`"));
            return None;
        };
        let step = self.whole_step(node, entries, flow);
        let into = self.field(entries, "into").and_then(|entry| entry.value.as_scalar());
        if let Some(into) = into.filter(|into| !flow.scope.knows(&into.text)) {
            // The step was found wrong; the steps behind it do not say so again.
            flow.scope.bind_broken(&into.text);
        }
        step
    }

    fn whole_step(&mut self, node: &Node, entries: &[Entry], flow: &mut Flow) -> Option<Step> {
        let (entry, verb) = self.verb(node, entries)?;
        let field = |name: &str| entries.iter().find(|entry| entry.key == name);
        let condition = field("if").map(|entry| &entry.value);
        let cond = condition.map(|node| self.condition(node, flow));
        let (lenient, failed) = self.on_error(verb, field("onError"));
        let name = self.step_name(field("name"));
        let may_be_left_out = cond.is_some() || lenient;
        let (into, with) = (field("into"), field("with"));
        let mut beside = Beside { into, with, may_be_left_out, failed };
        self.misplaced(verb, &mut beside);
        let before = flow.scope.clone();
        let (truths, falses) = known(&cond, condition);
        flow.scope.assume(&truths);
        let actions = (verb.compile)(self, &entry.value, &beside, flow);
        if cond.is_some() {
            // What the step made is known; what led to it is not.
            flow.scope.rejoin(&before);
            if verb.ends {
                flow.scope.assume(&falses);
            }
        }
        let before = std::mem::take(&mut flow.before);
        let cond = match cond {
            Some(cond) => Some(cond?),
            None => None,
        };
        let step = together(node, cond, lenient, actions?).written(&name);
        Some(match before.is_empty() {
            true => step,
            false => preceded(before, step),
        })
    }

    fn condition(&mut self, node: &Node, flow: &mut Flow) -> Option<Expression> {
        self.bare(node, &Want::of(Type::Bool, "a condition"), flow)
    }

    /// The one verb of a step.
    fn verb<'e>(
        &mut self,
        node: &Node,
        entries: &'e [Entry],
    ) -> Option<(&'e Entry, &'static Verb)> {
        let mut found = Vec::new();
        let mut wrong = false;
        for entry in entries.iter().filter(|entry| !FIELDS.contains(&entry.key.as_str())) {
            match VERBS.iter().find(|verb| verb.name == entry.key) {
                Some(verb) => found.push((entry, verb)),
                None => {
                    wrong = true;
                    self.unknown_verb(entry);
                }
            }
        }
        match found.as_slice() {
            [one] if !wrong => Some(*one),
            _ if wrong => None,
            verbs => {
                let count = verbs.len();
                let message = format!("a step has exactly one verb, this one has {count}");
                let finding = Diagnostic::new(Code::OneVerb, message);
                let finding = finding.label(node.span, "one step");
                self.findings.push(finding.help("make each verb a step of its own"));
                None
            }
        }
    }

    fn unknown_verb(&mut self, entry: &Entry) {
        if RESERVED.contains(&entry.key.as_str()) {
            let message = format!("`{}` comes with a later version", entry.key);
            return self.push(Code::ReservedVerb, message, entry.key_span, "not in this build");
        }
        let names = VERBS.iter().map(|verb| verb.name).chain(FIELDS);
        let finding = Diagnostic::new(Code::UnknownVerb, format!("unknown verb `{}`", entry.key));
        let finding = finding.label(entry.key_span, "no such verb");
        self.findings.push(finding.suggest(&entry.key, names));
    }

    /// What a step is called, for whoever reads logs, denials, coverage and `explain`.
    fn step_name(&mut self, name: Option<&Entry>) -> String {
        let Some(entry) = name else { return String::new() };
        match entry.value.as_scalar() {
            Some(scalar) => scalar.text.clone(),
            None => {
                self.findings.push(shape("a step's `name` is a text", &entry.value));
                String::new()
            }
        }
    }

    /// Whether the steps behind go on where this one is refused; the steps that are done then.
    fn on_error<'e>(&mut self, verb: &Verb, entry: Option<&'e Entry>) -> (bool, Option<&'e Node>) {
        let Some(entry) = entry else { return (false, None) };
        if verb.name == "call" && matches!(entry.value.kind, NodeKind::List(_)) {
            return (false, Some(&entry.value));
        }
        match entry.value.as_scalar().map(|scalar| scalar.text.as_str()) {
            Some("continue") => (true, None),
            Some("stop") => (false, None),
            _ => {
                let message = "`onError` takes `stop` or `continue`, on `call` steps too";
                self.push(Code::BadOnError, message, entry.value.span, "no other value");
                (false, None)
            }
        }
    }

    fn misplaced(&mut self, verb: &Verb, beside: &mut Beside<'_>) {
        let into = beside.into.take_if(|_| !matches!(verb.name, "use" | "call"));
        let with = beside.with.take_if(|_| verb.name != "use");
        for (entry, has) in [(into, "`use` and `call` have"), (with, "`use` has")] {
            let Some(entry) = entry else { continue };
            let message = format!("`{}` means nothing on `{}`", entry.key, verb.name);
            self.push(Code::KeyMisplaced, message, entry.key_span, &format!("only {has} it"));
        }
    }
}

/// A step behind what is done in any case.
fn preceded(before: Vec<Action>, step: Step) -> Step {
    let span = step.span;
    let made = |action| Step::made(span, action);
    let steps = before.into_iter().map(made).chain([step]).collect();
    made(Action::Block(steps))
}

/// What is known where a condition holds, and where it does not; what it may have asked, where it
/// was found wrong.
fn known(cond: &Option<Option<Expression>>, written: Option<&Node>) -> (Facts, Facts) {
    match cond {
        None => (Facts::default(), Facts::default()),
        Some(None) => (behind(written), behind(written)),
        Some(Some(cond)) => (cond.checked.facts_if_true(), cond.checked.facts_if_false()),
    }
}

/// What may be known behind a condition that was found wrong.
pub fn behind(condition: Option<&Node>) -> Facts {
    let text = condition.and_then(Node::as_scalar).map(|scalar| scalar.text.as_str());
    text.map_or_else(Facts::all, Facts::behind)
}

/// The actions of one step, under its condition.
fn together(node: &Node, cond: Option<Expression>, lenient: bool, actions: Vec<Action>) -> Step {
    let made = |action| Step::made(node.span, action);
    let mut actions = actions;
    let action = match (actions.len(), actions.pop()) {
        (1, Some(only)) => only,
        (_, last) => Action::Block(actions.into_iter().chain(last).map(made).collect()),
    };
    Step { cond, lenient, ..made(action) }
}
