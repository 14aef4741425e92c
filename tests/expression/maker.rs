//! Makes random expressions that are well typed, and payloads for them.

use shardwire::config::expr::{Read, Scope};
use shardwire::config::types::{Field, Type, Typed};

use super::model::{Tree, Ty, V};
use super::random::Random;

fn typed(ty: Ty) -> Type {
    let field = |name: &str, typed| Field { name: name.to_owned(), typed };
    match ty {
        Ty::Bool => Type::Bool,
        Ty::Int => Type::Int,
        Ty::Double => Type::Double,
        Ty::Text => Type::String,
        Ty::Ints => Type::list(Type::Int),
        Ty::Texts => Type::list(Type::String),
        Ty::Members => Type::list(typed(Ty::Member)),
        Ty::Member => Type::Map(vec![
            field("id", Typed::of(Type::Int)),
            field("name", Typed::of(Type::String)),
        ]),
        Ty::Any => Type::Any,
    }
}

/// The payload's fields, and whether they may be null.
const FIELDS: &[(&str, Ty, bool)] = &[
    ("b", Ty::Bool, false),
    ("i", Ty::Int, false),
    ("n", Ty::Double, false),
    ("s", Ty::Text, false),
    ("ob", Ty::Bool, true),
    ("oi", Ty::Int, true),
    ("on", Ty::Double, true),
    ("os", Ty::Text, true),
    ("li", Ty::Ints, false),
    ("ls", Ty::Texts, false),
    ("lm", Ty::Members, false),
    ("m", Ty::Member, false),
    ("any", Ty::Any, false),
];

pub fn scope() -> Scope {
    let mut scope = Scope::new();
    let fields = FIELDS.iter().map(|(name, ty, optional)| {
        let typed = Typed { optional: *optional, ..Typed::of(typed(*ty)) };
        Field { name: (*name).to_owned(), typed }
    });
    scope.bind("payload", Typed::of(Type::Map(fields.collect())), Read::Payload(Vec::new()));
    scope
}

const TEXTS: &[&str] =
    &["", "a", "ab", "Ab c", " ada ", "7", "-12", "1.5", "true", "é'\"\\", "żółć", "\n", "😀b"];
const INTS: &[i64] = &[0, 1, 2, 3, -1, 7, 100, i64::MAX, i64::MIN + 1, 1 << 53];
const DOUBLES: &[f64] = &[0.0, 1.0, -1.5, 2.5, 1e300, 0.1, 9007199254740993.0];

/// Makes trees of a type.
pub struct Maker {
    pub random: Random,
    items: Vec<(String, Ty)>,
    /// Nothing of unknown shape: what is in it may be null.
    known: bool,
}

fn boxed(tree: Tree) -> Box<Tree> {
    Box::new(tree)
}

impl Maker {
    pub fn new(seed: u64) -> Maker {
        Maker { random: Random(seed), items: Vec::new(), known: false }
    }

    pub fn tree(&mut self, ty: Ty, depth: usize) -> Tree {
        if depth == 0 || self.random.one_in(6) {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.random.below(12) {
            0 => {
                let cond = boxed(self.tree(Ty::Bool, depth));
                Tree::Choice(cond, boxed(self.tree(ty, depth)), boxed(self.tree(ty, depth)))
            }
            1 => self.coalesce(ty, depth),
            2 => self.narrowed(ty, depth),
            3 if !self.known && self.random.one_in(3) => Tree::Read("any", Ty::Any, false),
            _ => self.inner(ty, depth),
        }
    }

    fn leaf(&mut self, ty: Ty) -> Tree {
        let own = self.items.iter().enumerate().filter(|(_, (_, item))| *item == ty);
        let own: Vec<(usize, String)> =
            own.map(|(place, (name, _))| (place, name.clone())).collect();
        if !own.is_empty() && !self.random.one_in(3) {
            let (place, name) = own[self.random.below(own.len())].clone();
            return Tree::Item(name, place);
        }
        let literal = self.random.one_in(2);
        match ty {
            Ty::Bool if literal => Tree::Value(V::Bool(self.random.one_in(2))),
            Ty::Int if literal => Tree::Value(V::Int(self.random.pick(INTS))),
            Ty::Double if literal => Tree::Value(V::Double(self.random.pick(DOUBLES))),
            Ty::Text if literal => Tree::Value(V::Text(self.random.pick(TEXTS).to_owned())),
            Ty::Int if self.random.one_in(3) => Tree::Read("m.id", Ty::Int, false),
            Ty::Text if self.random.one_in(3) => Tree::Read("m.name", Ty::Text, false),
            _ => {
                let all: Vec<_> =
                    FIELDS.iter().filter(|(_, one, optional)| *one == ty && !optional).collect();
                let (name, ty, _) = all[0];
                Tree::Read(name, *ty, false)
            }
        }
    }

    fn optional(ty: Ty) -> Option<&'static str> {
        let found = FIELDS.iter().find(|(_, one, optional)| *one == ty && *optional);
        found.map(|(name, ..)| *name)
    }

    fn coalesce(&mut self, ty: Ty, depth: usize) -> Tree {
        let Some(name) = Maker::optional(ty) else { return self.inner(ty, depth) };
        Tree::Coalesce(boxed(Tree::Read(name, ty, true)), boxed(self.tree(ty, depth)))
    }

    /// `x != null ? x : other`, in one of its spellings.
    fn narrowed(&mut self, ty: Ty, depth: usize) -> Tree {
        let Some(name) = Maker::optional(ty) else { return self.inner(ty, depth) };
        let null = || boxed(Tree::Value(V::Null));
        let read = || boxed(Tree::Read(name, ty, true));
        let sure = boxed(Tree::Read(name, ty, false));
        let other = boxed(self.tree(ty, depth));
        match self.random.below(3) {
            0 => Tree::Choice(boxed(Tree::Binary("==", read(), null())), other, sure),
            1 => Tree::Choice(boxed(Tree::Has(name)), sure, other),
            _ => {
                let cond = boxed(self.tree(Ty::Bool, depth));
                let test = boxed(Tree::Binary("!=", read(), null()));
                Tree::Choice(boxed(Tree::And(test, cond)), sure, other)
            }
        }
    }

    /// A list whose elements are of a type that is known at load.
    fn known(&mut self, ty: Ty, depth: usize) -> Box<Tree> {
        let outside = std::mem::replace(&mut self.known, true);
        let tree = self.tree(ty, depth);
        self.known = outside;
        boxed(tree)
    }

    fn two(&mut self, op: &'static str, left: Ty, right: Ty, depth: usize) -> Tree {
        let (left, right) = (self.tree(left, depth), self.tree(right, depth));
        Tree::Binary(op, boxed(left), boxed(right))
    }

    fn method(&mut self, name: &'static str, types: &[Ty], depth: usize) -> Tree {
        Tree::Method(name, types.iter().map(|ty| self.tree(*ty, depth)).collect())
    }

    fn inner(&mut self, ty: Ty, depth: usize) -> Tree {
        match ty {
            Ty::Bool => self.bool(depth),
            Ty::Int => self.int(depth),
            Ty::Double => self.double(depth),
            Ty::Text => self.text(depth),
            Ty::Ints | Ty::Texts | Ty::Members => self.list(ty, depth),
            Ty::Member if self.random.one_in(2) => {
                let list = self.known(Ty::Members, depth);
                Tree::At(list, boxed(self.tree(Ty::Int, depth)), Ty::Member)
            }
            Ty::Member | Ty::Any => self.leaf(ty),
        }
    }

    fn bool(&mut self, depth: usize) -> Tree {
        const TYPES: [Ty; 7] =
            [Ty::Bool, Ty::Int, Ty::Double, Ty::Text, Ty::Ints, Ty::Member, Ty::Any];
        let ty = self.random.pick(&TYPES);
        let order = self.random.pick(&["<", "<=", ">", ">="]);
        let ordered = self.random.pick(&TYPES[..4]);
        match self.random.below(12) {
            0 => Tree::Not(boxed(self.tree(Ty::Bool, depth))),
            1 => {
                let left = boxed(self.tree(Ty::Bool, depth));
                Tree::And(left, boxed(self.tree(Ty::Bool, depth)))
            }
            2 => {
                let left = boxed(self.tree(Ty::Bool, depth));
                Tree::Or(left, boxed(self.tree(Ty::Bool, depth)))
            }
            3 => self.two("==", ty, ty, depth),
            4 => self.two("!=", ty, ty, depth),
            5 => self.two(order, ordered, ordered, depth),
            6 => self.two(order, Ty::Int, Ty::Double, depth),
            7 => self.two("in", Ty::Int, Ty::Ints, depth),
            8 => self.two("in", Ty::Text, Ty::Texts, depth),
            9 => Tree::Has(self.random.pick(&["m.name", "os", "any.a", "any.a.b"])),
            10 => Tree::Free("bool", boxed(self.tree(Ty::Text, depth))),
            _ => {
                let name = self.random.pick(&["contains", "startsWith", "endsWith", "matches"]);
                let text = self.tree(Ty::Text, depth);
                let part = Tree::Value(V::Text(self.random.pick(&["", "a", "b", "é"]).to_owned()));
                Tree::Method(name, vec![text, part])
            }
        }
    }

    fn int(&mut self, depth: usize) -> Tree {
        let op = self.random.pick(&["+", "-", "*", "/", "%"]);
        match self.random.below(9) {
            0 => Tree::Minus(boxed(self.tree(Ty::Int, depth))),
            1 => {
                let ty = self.random.pick(&[Ty::Text, Ty::Ints, Ty::Texts, Ty::Member, Ty::Any]);
                Tree::Free("size", boxed(self.tree(ty, depth)))
            }
            2 => {
                let ty = self.random.pick(&[Ty::Text, Ty::Double, Ty::Int]);
                Tree::Free("int", boxed(self.tree(ty, depth)))
            }
            3 => {
                let list = self.known(Ty::Ints, depth);
                Tree::At(list, boxed(self.tree(Ty::Int, depth)), Ty::Int)
            }
            4 => {
                let member = self.leaf(Ty::Member);
                match member {
                    Tree::Item(..) => Tree::Field(boxed(member), "id", Ty::Int),
                    _ => Tree::Read("m.id", Ty::Int, false),
                }
            }
            _ => self.two(op, Ty::Int, Ty::Int, depth),
        }
    }

    fn double(&mut self, depth: usize) -> Tree {
        let op = self.random.pick(&["+", "-", "*", "/"]);
        let other = self.random.pick(&[Ty::Int, Ty::Double, Ty::Double]);
        match self.random.below(5) {
            0 => Tree::Minus(boxed(self.tree(Ty::Double, depth))),
            1 => {
                let ty = self.random.pick(&[Ty::Text, Ty::Double, Ty::Int]);
                Tree::Free("double", boxed(self.tree(ty, depth)))
            }
            _ => self.two(op, Ty::Double, other, depth),
        }
    }

    fn text(&mut self, depth: usize) -> Tree {
        match self.random.below(8) {
            0 => {
                let ty = self.random.pick(&[Ty::Int, Ty::Bool, Ty::Text]);
                Tree::Free("string", boxed(self.tree(ty, depth)))
            }
            1 => self.method("lower", &[Ty::Text], depth),
            2 => self.method("upper", &[Ty::Text], depth),
            3 => self.method("trim", &[Ty::Text], depth),
            4 => self.method("slice", &[Ty::Text, Ty::Int, Ty::Int], depth),
            5 => {
                let list = self.known(Ty::Texts, depth);
                Tree::At(list, boxed(self.tree(Ty::Int, depth)), Ty::Text)
            }
            _ => self.two("+", Ty::Text, Ty::Text, depth),
        }
    }

    fn list(&mut self, ty: Ty, depth: usize) -> Tree {
        let element = match ty {
            Ty::Ints => Ty::Int,
            Ty::Texts => Ty::Text,
            _ => Ty::Member,
        };
        match self.random.below(4) {
            0 if ty != Ty::Members => {
                let many = self.random.below(4);
                // An empty list is a list of anything.
                Tree::List((0..=many).map(|_| self.tree(element, depth)).collect())
            }
            1 => self.two("+", ty, ty, depth),
            2 if self.items.len() < 2 => self.filtered(ty, element, depth),
            _ if self.items.len() < 2 && ty != Ty::Members => self.mapped(element, depth),
            _ => self.leaf(ty),
        }
    }

    fn filtered(&mut self, ty: Ty, element: Ty, depth: usize) -> Tree {
        let list = self.known(ty, depth);
        let name = format!("x{}", self.items.len());
        self.items.push((name.clone(), element));
        let body = boxed(self.tree(Ty::Bool, depth));
        self.items.pop();
        Tree::Filter(name, list, element, body)
    }

    fn mapped(&mut self, to: Ty, depth: usize) -> Tree {
        let (from, element) = self.random.pick(&[
            (Ty::Ints, Ty::Int),
            (Ty::Texts, Ty::Text),
            (Ty::Members, Ty::Member),
        ]);
        let list = self.known(from, depth);
        let name = format!("x{}", self.items.len());
        self.items.push((name.clone(), element));
        let body = boxed(self.tree(to, depth));
        self.items.pop();
        Tree::Map(name, list, element, body)
    }
}

/// A value of a type, or now and then of another, or none.
fn value(random: &mut Random, ty: Ty) -> V {
    match random.below(40) {
        0 => return V::Null,
        1 => return V::Text("other".to_owned()),
        2 => return V::Double(0.5),
        _ => {}
    }
    let many = random.below(4);
    match ty {
        Ty::Bool => V::Bool(random.one_in(2)),
        Ty::Int => V::Int(random.pick(INTS)),
        Ty::Double if random.one_in(3) => V::Int(random.pick(INTS)),
        Ty::Double => V::Double(random.pick(DOUBLES)),
        Ty::Text => V::Text(random.pick(TEXTS).to_owned()),
        Ty::Ints => V::List((0..many).map(|_| value(random, Ty::Int)).collect()),
        Ty::Texts => V::List((0..many).map(|_| value(random, Ty::Text)).collect()),
        Ty::Members => V::List((0..many).map(|_| value(random, Ty::Member)).collect()),
        Ty::Member => {
            let mut members = vec![
                ("id".to_owned(), value(random, Ty::Int)),
                ("name".to_owned(), value(random, Ty::Text)),
            ];
            members.truncate(if random.one_in(8) { 1 } else { 2 });
            V::Object(members)
        }
        Ty::Any => match random.below(8) {
            0 => V::Object(vec![("a".to_owned(), value(random, Ty::Member))]),
            1 => value(random, Ty::Ints),
            2 => value(random, Ty::Bool),
            3 | 4 => value(random, Ty::Int),
            5 => value(random, Ty::Double),
            _ => value(random, Ty::Text),
        },
    }
}

pub fn payload(random: &mut Random) -> V {
    let mut members = Vec::new();
    for (name, ty, optional) in FIELDS {
        if random.one_in(if *optional { 2 } else { 30 }) {
            continue;
        }
        members.push(((*name).to_owned(), value(random, *ty)));
    }
    V::Object(members)
}

/// JSON in one of its spellings: escapes that need not be, spaces.
pub fn write(random: &mut Random, value: &V, out: &mut String) {
    match value {
        V::Null => out.push_str("null"),
        V::Bool(value) => out.push_str(&value.to_string()),
        V::Int(int) => out.push_str(&int.to_string()),
        V::Double(double) => out.push_str(&format!("{double:?}")),
        V::Text(text) => write_text(random, text, out),
        V::List(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { " , " });
                write(random, item, out);
            }
            out.push(']');
        }
        V::Object(members) => {
            out.push_str("{ ");
            for (place, (name, value)) in members.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_text(random, name, out);
                out.push(':');
                write(random, value, out);
            }
            out.push('}');
        }
    }
}

fn write_text(random: &mut Random, text: &str, out: &mut String) {
    let escapes = random.one_in(3);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.push_str(&format!("\\{c}")),
            '\n' => out.push_str("\\n"),
            c if escapes && (c as u32) < 0x1_0000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
