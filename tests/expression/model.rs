//! A naive interpreter: a tree and values that own everything, written to be obviously right.

use std::cmp::Ordering;
use std::fmt;

use shardwire::reject::Reject;

#[derive(Clone, Debug, PartialEq)]
pub enum V {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<V>),
    Object(Vec<(String, V)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ty {
    Bool,
    Int,
    Double,
    Text,
    Ints,
    Texts,
    /// A list of `{ id: int, name: string }`.
    Members,
    Member,
    Any,
}

#[derive(Clone, Debug)]
pub enum Tree {
    Value(V),
    /// A path of the payload, what it must be, and whether it may be null.
    Read(&'static str, Ty, bool),
    /// A loop's element: its name, and its place among the loops around.
    Item(String, usize),
    Field(Box<Tree>, &'static str, Ty),
    Not(Box<Tree>),
    Minus(Box<Tree>),
    Binary(&'static str, Box<Tree>, Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
    Coalesce(Box<Tree>, Box<Tree>),
    Choice(Box<Tree>, Box<Tree>, Box<Tree>),
    List(Vec<Tree>),
    /// The element at a place, which must be of a type.
    At(Box<Tree>, Box<Tree>, Ty),
    Free(&'static str, Box<Tree>),
    Method(&'static str, Vec<Tree>),
    Has(&'static str),
    /// Name of the element, list, type of the element, body.
    Map(String, Box<Tree>, Ty, Box<Tree>),
    Filter(String, Box<Tree>, Ty, Box<Tree>),
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |trees: &[Tree]| trees.iter().map(Tree::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Tree::Value(V::Text(text)) => write!(f, "{}", quoted(text)),
            Tree::Value(V::Int(int)) if *int < 0 => write!(f, "({int})"),
            Tree::Value(V::Int(int)) => write!(f, "{int}"),
            Tree::Value(V::Double(double)) => write!(f, "({double:?})"),
            Tree::Value(V::Bool(value)) => write!(f, "{value}"),
            Tree::Value(_) => write!(f, "null"),
            Tree::Read(path, ..) => write!(f, "payload.{path}"),
            Tree::Item(name, _) => write!(f, "{name}"),
            Tree::Field(of, name, _) => write!(f, "{of}.{name}"),
            Tree::Not(of) => write!(f, "!{of}"),
            Tree::Minus(of) => write!(f, "-({of})"),
            Tree::Binary(op, left, right) => write!(f, "({left} {op} {right})"),
            Tree::And(left, right) => write!(f, "({left} && {right})"),
            Tree::Or(left, right) => write!(f, "({left} || {right})"),
            Tree::Coalesce(left, right) => write!(f, "({left} ?? {right})"),
            Tree::Choice(cond, yes, no) => write!(f, "({cond} ? {yes} : {no})"),
            Tree::List(items) => write!(f, "[{}]", list(items)),
            Tree::At(of, index, _) => write!(f, "{of}[{index}]"),
            Tree::Free(name, of) => write!(f, "{name}({of})"),
            Tree::Method(name, of) => write!(f, "{}.{name}({})", of[0], list(&of[1..])),
            Tree::Has(path) => write!(f, "has(payload.{path})"),
            Tree::Map(item, of, _, body) => write!(f, "{of}.map({item}, {body})"),
            Tree::Filter(item, of, _, body) => write!(f, "{of}.filter({item}, {body})"),
        }
    }
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '\'' | '\\' => format!("\\{c}"),
            '\n' => "\\n".to_owned(),
            c => c.to_string(),
        })
        .collect();
    format!("'{escaped}'")
}

type Found = Result<V, Reject>;

/// What comes from outside, as the type that it must have.
fn typed(value: V, ty: Ty, optional: bool) -> Found {
    match (ty, &value) {
        (_, V::Null) if optional => Ok(value),
        (_, V::Null) => Err(Reject::MissingField),
        (Ty::Double, V::Int(int)) => Ok(V::Double(*int as f64)),
        (Ty::Any, _)
        | (Ty::Bool, V::Bool(_))
        | (Ty::Int, V::Int(_))
        | (Ty::Double, V::Double(_))
        | (Ty::Text, V::Text(_))
        | (Ty::Ints | Ty::Texts | Ty::Members, V::List(_))
        | (Ty::Member, V::Object(_)) => Ok(value),
        _ => Err(Reject::BadType),
    }
}

fn at<'v>(value: &'v V, name: &str) -> &'v V {
    match value {
        V::Object(members) => {
            members.iter().find(|(key, _)| key == name).map_or(&V::Null, |(_, value)| value)
        }
        _ => &V::Null,
    }
}

pub struct Model<'p> {
    pub payload: &'p V,
    pub items: Vec<V>,
}

impl Model<'_> {
    pub fn eval(&mut self, tree: &Tree) -> Found {
        match tree {
            Tree::Value(value) => Ok(value.clone()),
            Tree::Read(path, ty, optional) => {
                let found = path.split('.').fold(self.payload, |value, name| at(value, name));
                typed(found.clone(), *ty, *optional)
            }
            Tree::Item(_, place) => Ok(self.items[*place].clone()),
            Tree::Field(of, name, ty) => {
                let of = self.eval(of)?;
                typed(at(&of, name).clone(), *ty, false)
            }
            Tree::Not(of) => self.truth(of).map(|of| V::Bool(!of)),
            Tree::Minus(of) => match self.eval(of)? {
                V::Int(of) => of.checked_neg().map(V::Int).ok_or(Reject::BadValue),
                V::Double(of) => Ok(V::Double(-of)),
                _ => Err(Reject::BadType),
            },
            // Whether a value is null is asked of any value.
            Tree::Binary(op, left, right) if matches!(**right, Tree::Value(V::Null)) => {
                let left = match &**left {
                    Tree::Read(path, ..) => self.eval(&Tree::Read(path, Ty::Any, true))?,
                    left => self.eval(left)?,
                };
                Ok(V::Bool((left == V::Null) == (*op == "==")))
            }
            Tree::Binary(op, left, right) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                binary(op, left, right)
            }
            Tree::And(left, right) => Ok(V::Bool(self.truth(left)? && self.truth(right)?)),
            Tree::Or(left, right) => Ok(V::Bool(self.truth(left)? || self.truth(right)?)),
            Tree::Coalesce(left, right) => match self.eval(left)? {
                V::Null => self.eval(right),
                value => Ok(value),
            },
            Tree::Choice(cond, yes, no) => match self.truth(cond)? {
                true => self.eval(yes),
                false => self.eval(no),
            },
            _ => self.part(tree),
        }
    }

    /// Lists and calls.
    fn part(&mut self, tree: &Tree) -> Found {
        match tree {
            Tree::List(items) => {
                items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>().map(V::List)
            }
            Tree::At(of, index, ty) => {
                let (of, index) = (self.eval(of)?, self.eval(index)?);
                let found = index_of(&of, &index)?;
                typed(found, *ty, false)
            }
            Tree::Free(name, of) => {
                let of = self.eval(of)?;
                free(name, of)
            }
            Tree::Method(name, of) => {
                let of: Vec<V> = of.iter().map(|of| self.eval(of)).collect::<Result<_, _>>()?;
                method(name, &of)
            }
            Tree::Has(path) => {
                let found = path.split('.').fold(self.payload, |value, name| at(value, name));
                Ok(V::Bool(*found != V::Null))
            }
            Tree::Map(_, of, ty, body) => self.each(of, *ty, |model, item, out| {
                let _ = item;
                out.push(model.eval(body)?);
                Ok(())
            }),
            Tree::Filter(_, of, ty, body) => self.each(of, *ty, |model, item, out| {
                if model.truth(body)? {
                    out.push(item);
                }
                Ok(())
            }),
            _ => Err(Reject::BadType),
        }
    }

    fn each(
        &mut self,
        of: &Tree,
        ty: Ty,
        mut body: impl FnMut(&mut Self, V, &mut Vec<V>) -> Result<(), Reject>,
    ) -> Found {
        let V::List(items) = self.eval(of)? else { return Err(Reject::BadType) };
        let mut out = Vec::new();
        for item in items {
            let item = typed(item, ty, false)?;
            self.items.push(item.clone());
            body(self, item, &mut out)?;
            self.items.pop();
        }
        Ok(V::List(out))
    }

    fn truth(&mut self, tree: &Tree) -> Result<bool, Reject> {
        match self.eval(tree)? {
            V::Bool(value) => Ok(value),
            V::Null => Err(Reject::MissingField),
            _ => Err(Reject::BadType),
        }
    }
}

fn index_of(of: &V, index: &V) -> Found {
    match (of, index) {
        (V::Object(_), V::Text(key)) => Ok(at(of, key).clone()),
        (V::List(items), V::Int(place)) => usize::try_from(*place)
            .ok()
            .and_then(|place| items.get(place).cloned())
            .ok_or(Reject::NoElement),
        // A place that no list has is refused before what it is asked of.
        (_, V::Int(place)) if *place < 0 => Err(Reject::NoElement),
        _ => Err(Reject::BadType),
    }
}

fn binary(op: &str, left: V, right: V) -> Found {
    match op {
        "==" => Ok(V::Bool(equal(&left, &right))),
        "!=" => Ok(V::Bool(!equal(&left, &right))),
        "in" => match (&left, &right) {
            (left, V::List(items)) => Ok(V::Bool(items.iter().any(|item| equal(item, left)))),
            (V::Text(key), V::Object(_)) => {
                let V::Object(members) = &right else { return Err(Reject::BadType) };
                Ok(V::Bool(members.iter().any(|(name, _)| name == key)))
            }
            _ => Err(Reject::BadType),
        },
        "<" | "<=" | ">" | ">=" => {
            let order = match (&left, &right) {
                (V::Text(left), V::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
                (V::Bool(left), V::Bool(right)) => Some(left.cmp(right)),
                _ => Some(numbers(&left, &right).ok_or(Reject::BadType)?).flatten(),
            };
            Ok(V::Bool(order.is_some_and(|order| match op {
                "<" => order == Ordering::Less,
                "<=" => order != Ordering::Greater,
                ">" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            })))
        }
        _ => arithmetic(op, left, right),
    }
}

fn arithmetic(op: &str, left: V, right: V) -> Found {
    let (one, other) = match (&left, &right) {
        (V::Int(left), V::Int(right)) => return ints(op, *left, *right),
        (V::Int(left), V::Double(right)) => (*left as f64, *right),
        (V::Double(left), V::Int(right)) => (*left, *right as f64),
        (V::Double(left), V::Double(right)) => (*left, *right),
        (V::Text(left), V::Text(right)) if op == "+" => {
            return Ok(V::Text(format!("{left}{right}")));
        }
        (V::List(left), V::List(right)) if op == "+" => {
            return Ok(V::List([left.clone(), right.clone()].concat()));
        }
        _ => return Err(Reject::BadType),
    };
    Ok(V::Double(match op {
        "+" => one + other,
        "-" => one - other,
        "*" => one * other,
        "/" => one / other,
        _ => return Err(Reject::BadType),
    }))
}

fn ints(op: &str, left: i64, right: i64) -> Found {
    // Wider than both, so that nothing is lost before it is judged.
    let (left, right) = (i128::from(left), i128::from(right));
    let result = match op {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" if right != 0 => left / right,
        "%" if right != 0 && !(left == i128::from(i64::MIN) && right == -1) => left % right,
        _ => return Err(Reject::BadValue),
    };
    i64::try_from(result).map(V::Int).map_err(|_| Reject::BadValue)
}

/// `None` where one is no number, `Some(None)` where they have no order.
fn numbers(left: &V, right: &V) -> Option<Option<Ordering>> {
    match (left, right) {
        (V::Int(left), V::Int(right)) => Some(Some(left.cmp(right))),
        (V::Double(left), V::Double(right)) => Some(left.partial_cmp(right)),
        (V::Int(left), V::Double(right)) => Some(exact(*left, *right)),
        (V::Double(left), V::Int(right)) => Some(exact(*right, *left).map(Ordering::reverse)),
        _ => None,
    }
}

fn exact(int: i64, double: f64) -> Option<Ordering> {
    let floor = double.floor();
    match floor {
        _ if double.is_nan() => None,
        _ if floor > 1e30 => Some(Ordering::Less),
        _ if floor < -1e30 => Some(Ordering::Greater),
        _ => Some(match i128::from(int).cmp(&(floor as i128)) {
            Ordering::Equal if double > floor => Ordering::Less,
            order => order,
        }),
    }
}

fn equal(left: &V, right: &V) -> bool {
    match (left, right) {
        (V::List(left), V::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (V::Object(left), V::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| {
                    right.iter().any(|(other, found)| other == name && equal(value, found))
                })
        }
        _ => match numbers(left, right) {
            Some(order) => order == Some(Ordering::Equal),
            None => left == right,
        },
    }
}

fn free(name: &str, of: V) -> Found {
    match (name, of) {
        ("size", V::Text(text)) => Ok(V::Int(text.chars().count() as i64)),
        ("size", V::List(items)) => Ok(V::Int(items.len() as i64)),
        ("size", V::Object(members)) => Ok(V::Int(members.len() as i64)),
        ("int", V::Int(of)) => Ok(V::Int(of)),
        ("int", V::Double(of)) if of.abs() < 2f64.powi(63) => Ok(V::Int(of as i64)),
        ("int", V::Double(_)) => Err(Reject::BadValue),
        ("int", V::Text(of)) => of.parse().map(V::Int).map_err(|_| Reject::BadValue),
        ("double", V::Double(of)) => Ok(V::Double(of)),
        ("double", V::Int(of)) => Ok(V::Double(of as f64)),
        ("double", V::Text(of)) => of.parse().map(V::Double).map_err(|_| Reject::BadValue),
        ("string", V::Text(of)) => Ok(V::Text(of)),
        ("string", V::Int(of)) => Ok(V::Text(of.to_string())),
        ("string", V::Bool(of)) => Ok(V::Text(of.to_string())),
        ("string", V::Double(of)) => Ok(V::Text(spelled(of))),
        ("bool", V::Bool(of)) => Ok(V::Bool(of)),
        ("bool", V::Text(of)) => match of.as_str() {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(V::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(V::Bool(false)),
            _ => Err(Reject::BadValue),
        },
        _ => Err(Reject::BadType),
    }
}

fn spelled(double: f64) -> String {
    let size = double.abs();
    match size {
        _ if double.is_nan() => "NaN".to_owned(),
        _ if size.is_infinite() => format!("{double}").replace("inf", "Infinity"),
        _ if size == 0.0 || (1e-6..1e21).contains(&size) => format!("{double}"),
        _ => format!("{double:e}").replace('e', "e+").replace("e+-", "e-"),
    }
}

fn method(name: &str, of: &[V]) -> Found {
    match (name, of) {
        ("contains", [V::Text(text), V::Text(part)]) => Ok(V::Bool(text.contains(part.as_str()))),
        ("startsWith", [V::Text(text), V::Text(part)]) => {
            Ok(V::Bool(text.starts_with(part.as_str())))
        }
        ("endsWith", [V::Text(text), V::Text(part)]) => Ok(V::Bool(text.ends_with(part.as_str()))),
        // Only patterns that are their own text are made.
        ("matches", [V::Text(text), V::Text(part)]) => Ok(V::Bool(text.contains(part.as_str()))),
        ("lower", [V::Text(text)]) => {
            Ok(V::Text(text.chars().flat_map(char::to_lowercase).collect()))
        }
        ("upper", [V::Text(text)]) => Ok(V::Text(text.to_uppercase())),
        ("trim", [V::Text(text)]) => Ok(V::Text(text.trim().to_owned())),
        ("slice", [V::Text(text), V::Int(from), V::Int(to)]) => {
            let (from, to) = (*from.max(&0) as usize, *to.max(&0) as usize);
            Ok(V::Text(text.chars().skip(from).take(to.saturating_sub(from)).collect()))
        }
        _ => Err(Reject::BadType),
    }
}
