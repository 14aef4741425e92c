//! Schemas from YAML: a scalar is a type, a map its fields, `[X]` a list of X.

use super::notation::{self, NAMES, What};
use super::{Field, Kind, Schema};
use crate::config::codes::Code;
use crate::config::diagnostic::{Diagnostic, Findings};
use crate::config::source::Source;
use crate::config::yaml::{Entry, Node, NodeKind};
use crate::limits::SLOTS_MAX;

/// The key of a map of fields that says what of others: `allow` (the default) or `refuse`.
const UNKNOWN: &str = "$unknown";

/// The key of a map of fields that says whether the map may be missing or null.
const OPTIONAL: &str = "$optional";

/// What the special keys of a map say.
#[derive(Default)]
struct Special {
    closed: bool,
    optional: bool,
}

/// Reads a schema; what is wrong with it is a finding, and then that part of it is broken.
pub fn read(node: &Node, source: &Source, findings: &mut Findings) -> Schema {
    Reader { source, findings }.schema(node)
}

struct Reader<'r> {
    source: &'r Source,
    findings: &'r mut Findings,
}

impl Reader<'_> {
    fn schema(&mut self, node: &Node) -> Schema {
        match &node.kind {
            NodeKind::Scalar(_) => self.scalar(node),
            NodeKind::Map(entries) => self.map(node, entries),
            NodeKind::List(items) => self.list(node, items),
        }
    }

    fn scalar(&mut self, node: &Node) -> Schema {
        let Some(scalar) = node.as_scalar() else { return Schema::any(node.span) };
        match notation::parse(&scalar.text, node.span) {
            Ok(schema) => schema,
            Err(wrong) => {
                let places = scalar.places(self.source, node.span);
                let span = places.span(self.source, wrong.at.clone());
                let typed = scalar.text.get(wrong.at).unwrap_or_default();
                let (code, label) = match wrong.what {
                    What::Unknown => (Code::UnknownType, "no such type"),
                    What::Syntax => (Code::BadType, "here"),
                    What::Range => (Code::BadBounds, "this range"),
                    What::Default => (Code::BadDefault, "this default"),
                };
                let finding = Diagnostic::new(code, wrong.message).label(span, label);
                self.findings.push(match wrong.what {
                    What::Unknown => finding.suggest(typed, NAMES),
                    _ => finding,
                });
                Schema::broken(node.span)
            }
        }
    }

    fn list(&mut self, node: &Node, items: &[Node]) -> Schema {
        let [each] = items else {
            let finding = Diagnostic::new(Code::BadType, "a list names the type of its elements");
            let finding = finding.label(node.span, format!("this has {}", items.len()));
            self.findings.push(finding.help("write `[X]`, or `list(X)`"));
            return Schema::broken(node.span);
        };
        let each = Box::new(self.schema(each));
        Schema { kind: Kind::List(each, 0, u32::MAX), ..Schema::any(node.span) }
    }

    fn map(&mut self, node: &Node, entries: &[Entry]) -> Schema {
        let (special, fields): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| entry.key.starts_with('$'));
        let mut said = Special::default();
        special.into_iter().for_each(|entry| self.special(entry, &mut said));
        if let Some(over) = fields.get(SLOTS_MAX) {
            let message = format!("a map has at most {SLOTS_MAX} fields");
            let finding = Diagnostic::new(Code::TooManyPaths, message);
            self.findings.push(finding.label(over.key_span, "one too many"));
        }
        let fields = fields.into_iter().take(SLOTS_MAX).map(|entry| self.field(entry)).collect();
        let kind = Kind::Map { fields, closed: said.closed };
        Schema { kind, optional: said.optional, ..Schema::any(node.span) }
    }

    fn field(&mut self, entry: &Entry) -> Field {
        let (name, name_span) = (entry.key.clone(), entry.key_span);
        Field { name, name_span, schema: self.schema(&entry.value) }
    }

    fn special(&mut self, entry: &Entry, said: &mut Special) {
        let value = entry.value.as_scalar().map_or("", |scalar| scalar.text.as_str());
        match (entry.key.as_str(), value) {
            (UNKNOWN, "refuse" | "allow") => said.closed = value == "refuse",
            (OPTIONAL, "true" | "false") => said.optional = value == "true",
            (UNKNOWN, _) => self.other_value(entry, "`$unknown` takes `allow` or `refuse`"),
            (OPTIONAL, _) => self.other_value(entry, "`$optional` takes `true` or `false`"),
            (key, _) => {
                let message = format!("unknown key `{key}` in a schema");
                let finding = Diagnostic::new(Code::UnknownKey, message);
                let finding = finding.label(entry.key_span, "no such key");
                self.findings.push(finding.suggest(key, [UNKNOWN, OPTIONAL]));
            }
        }
    }

    fn other_value(&mut self, entry: &Entry, message: &str) {
        let finding = Diagnostic::new(Code::BadValue, message);
        self.findings.push(finding.label(entry.value.span, "no other value"));
    }
}
