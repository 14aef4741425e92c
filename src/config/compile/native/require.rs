//! `require`: named conditions that must hold, in order, before the steps.

use super::super::super::codes::Code;
use super::super::super::expr::Want;
use super::super::super::source::Span;
use super::super::super::types::Type;
use super::super::super::yaml::{Entry, Node, NodeKind};
use super::super::ir::{Action, Step};
use super::Native;
use super::flow::Flow;
use super::steps::behind;
use crate::pipeline::program::Rule;

const FIELDS: [&str; 4] = ["name", "when", "mode", "error"];

/// Characters of a condition that name a rule without a name.
const NAME_CHARS_MAX: usize = 60;

impl Native<'_> {
    /// A rule, or a list of rules.
    pub fn require(&mut self, entry: &Entry, flow: &mut Flow) -> Vec<Step> {
        match &entry.value.kind {
            NodeKind::List(items) => {
                items.iter().filter_map(|item| self.rule(item, flow)).collect()
            }
            _ if entry.value.is_null() => Vec::new(),
            _ => self.rule(&entry.value, flow).into_iter().collect(),
        }
    }

    fn rule(&mut self, node: &Node, flow: &mut Flow) -> Option<Step> {
        let step = self.whole_rule(node, flow);
        if step.is_none() {
            let when = node.as_map().and_then(|entries| self.field(entries, "when"));
            flow.scope.assume(&behind(Some(when.map_or(node, |entry| &entry.value))));
        }
        step
    }

    fn whole_rule(&mut self, node: &Node, flow: &mut Flow) -> Option<Step> {
        let (when, rule) = match &node.kind {
            NodeKind::Map(entries) => self.named(node, entries)?,
            NodeKind::Scalar(scalar) => {
                let name: String = scalar.text.chars().take(NAME_CHARS_MAX).collect();
                (node, Rule { name: name.into(), ..Rule::default() })
            }
            NodeKind::List(_) => return self.no_rule(node.span, "this is a list"),
        };
        let when = self.bare(when, &Want::of(Type::Bool, "a rule"), flow)?;
        if !rule.shadow {
            flow.scope.assume(&when.checked.facts_if_true());
        }
        let rule = Rule { site: self.source.site(node.span.start), ..rule };
        let action = Action::Require { rule, when };
        Some(Step::made(node.span, action))
    }

    fn named<'e>(&mut self, node: &Node, entries: &'e [Entry]) -> Option<(&'e Node, Rule)> {
        for entry in entries.iter().filter(|entry| !FIELDS.contains(&entry.key.as_str())) {
            self.unknown_key(entry, "a rule", &FIELDS);
        }
        let Some(when) = self.field(entries, "when") else {
            return self.no_rule(node.span, "`when` is missing");
        };
        let text = |name: &str| {
            let entry = entries.iter().find(|entry| entry.key == name);
            entry.and_then(|entry| entry.value.as_scalar()).map(|scalar| scalar.text.clone())
        };
        let shadow = match text("mode").as_deref() {
            None | Some("enforce") => false,
            Some("shadow") => true,
            Some(_) => return self.no_rule(node.span, "`mode` takes `enforce` or `shadow`"),
        };
        let condition = when.value.as_scalar().map(|scalar| scalar.text.as_str());
        let name = text("name").unwrap_or_else(|| {
            condition.unwrap_or_default().chars().take(NAME_CHARS_MAX).collect()
        });
        let error = text("error").map(Into::into);
        Some((&when.value, Rule { name: name.into(), shadow, error, ..Rule::default() }))
    }

    fn no_rule<T>(&mut self, span: Span, label: &str) -> Option<T> {
        self.push(Code::BadRule, "this is not a rule", span, label);
        None
    }
}
