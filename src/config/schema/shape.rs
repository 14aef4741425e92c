//! A schema as messages are checked against it.

use super::{Kind, Schema};
use crate::config::source::Source;
use crate::envelope::shape::{self, Fields, Shape};

impl Schema {
    /// The shape; slots come later, with the paths that are read.
    pub fn shape(&self, source: &Source) -> Shape {
        Shape {
            kind: self.shape_kind(source),
            optional: self.optional || self.default.is_some(),
            line: source.site(self.span.start).line,
            ..Shape::default()
        }
    }

    fn shape_kind(&self, source: &Source) -> shape::Kind {
        match &self.kind {
            Kind::Any | Kind::Broken => shape::Kind::Any,
            Kind::Bool => shape::Kind::Bool,
            Kind::String(min, max) => shape::Kind::String(*min..=*max),
            Kind::Int(min, max) => shape::Kind::Int(*min..=*max),
            Kind::Number(min, max) => shape::Kind::Number(*min..=*max),
            Kind::Uuid => shape::Kind::Uuid,
            Kind::Enum(names) => {
                shape::Kind::Enum(names.iter().map(|name| name.as_str().into()).collect())
            }
            Kind::List(each, min, max) => {
                shape::Kind::List(*min..=*max, Box::new(each.shape(source)))
            }
            Kind::Map { fields, closed } => {
                let list = fields.iter().map(|one| (one.name.clone(), one.schema.shape(source)));
                shape::Kind::Map(Fields::new(list.collect(), *closed))
            }
        }
    }
}
