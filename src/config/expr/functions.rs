//! THE table of functions: it feeds the names the checker knows, types, operations and docs.
//!
//! Invariants: the set is closed; every function is pure. A method's receiver is its first
//! argument.

use crate::pipeline::op::{Binary, Unary};

/// What an argument may be; a value of unknown shape always may, and is checked when it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    String,
    Int,
    /// A string, a list or a map.
    Sized,
    /// A string, a bool or a number, as long as there is a conversion.
    Plain,
    /// A string or a number.
    Number,
    /// A string or a bool.
    Truth,
    /// A string that is known at load.
    Pattern,
}

/// The type of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    Bool,
    Int,
    Double,
    String,
}

/// What it is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    Unary(Unary),
    Binary(Binary),
    Slice,
    Matches,
}

/// How it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// `f(x)`
    Free,
    /// `x.f()`
    Method,
    /// Both.
    Either,
}

/// One function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    pub name: &'static str,
    pub called: Called,
    pub takes: &'static [Takes],
    pub gives: Gives,
    pub does: Does,
    /// As it is called, for docs and messages.
    pub example: &'static str,
    pub doc: &'static str,
}

macro_rules! functions {
    ($($name:literal $called:ident ($($takes:ident),*) $gives:ident = $does:expr;
        $example:literal $doc:literal)*) => {
        /// Every function, in the order of the docs.
        pub const FUNCTIONS: &[Function] = &[$(Function {
            name: $name,
            called: Called::$called,
            takes: &[$(Takes::$takes),*],
            gives: Gives::$gives,
            does: $does,
            example: $example,
            doc: $doc,
        },)*];
    };
}

functions! {
    "size" Either (Sized) Int = Does::Unary(Unary::Size);
        "size(x)" "Characters of a string, elements of a list, fields of a map."
    "contains" Method (String, String) Bool = Does::Binary(Binary::Contains);
        "s.contains(part)" "Whether the string has this part."
    "startsWith" Method (String, String) Bool = Does::Binary(Binary::StartsWith);
        "s.startsWith(part)" "Whether the string begins so."
    "endsWith" Method (String, String) Bool = Does::Binary(Binary::EndsWith);
        "s.endsWith(part)" "Whether the string ends so."
    "matches" Either (String, Pattern) Bool = Does::Matches;
        "s.matches(pattern)" "Whether some part of the string matches the pattern (RE2's syntax)."
    "int" Free (Number) Int = Does::Unary(Unary::ToInt);
        "int(x)" "A number without its fraction, or the int a string spells."
    "double" Free (Number) Double = Does::Unary(Unary::ToDouble);
        "double(x)" "The number as a double, or the number a string spells."
    "string" Free (Plain) String = Does::Unary(Unary::ToText);
        "string(x)" "The text of a number or a bool."
    "bool" Free (Truth) Bool = Does::Unary(Unary::ToBool);
        "bool(x)" "What `true`, `t`, `1`, `false`, `f`, `0` say."
    "lower" Method (String) String = Does::Unary(Unary::Lower);
        "s.lower()" "The string in lower case (Unicode)."
    "upper" Method (String) String = Does::Unary(Unary::Upper);
        "s.upper()" "The string in upper case (Unicode)."
    "trim" Method (String) String = Does::Unary(Unary::Trim);
        "s.trim()" "The string without white space at both ends."
    "slice" Method (String, Int, Int) String = Does::Slice;
        "s.slice(from, to)" "Characters from one place up to another, as far as there are some."
    "rfc3339" Free (Int) String = Does::Unary(Unary::ToTime);
        "rfc3339(ms)" "The time as `2024-01-31T12:00:00Z`, in UTC, to the second."
}

/// What is written like a function and decides itself what it evaluates: its name, how it is
/// called, what it takes and gives, and what it does.
pub const MACROS: &[(&str, &str, &str, &str)] = &[
    ("has", "has(a.b)", "a path | bool", "Whether the path is there and not null."),
    ("map", "list.map(x, e)", "list, a name, any | list", "The list of `e` for each element `x`."),
    (
        "filter",
        "list.filter(x, e)",
        "list, a name, bool | list",
        "The elements `x` for which `e` is true.",
    ),
];

impl Takes {
    fn name(self) -> &'static str {
        match self {
            Takes::String => "string",
            Takes::Int => "int",
            Takes::Sized => "string or list or map",
            Takes::Plain => "string or number or bool",
            Takes::Number => "string or number",
            Takes::Truth => "string or bool",
            Takes::Pattern => "a pattern in quotes",
        }
    }
}

impl Gives {
    fn name(self) -> &'static str {
        match self {
            Gives::Bool => "bool",
            Gives::Int => "int",
            Gives::Double => "number",
            Gives::String => "string",
        }
    }
}

/// The table of the reference page.
pub fn table() -> String {
    let row = |call: &str, types: &str, doc: &str| format!("| `{call}` | {types} | {doc} |\n");
    let function = |one: &Function| {
        let takes: Vec<&str> = one.takes.iter().map(|takes| takes.name()).collect();
        row(one.example, &format!("{} | {}", takes.join(", "), one.gives.name()), one.doc)
    };
    let macros = MACROS.iter().map(|(_, call, types, doc)| row(call, types, doc));
    let rows: String = FUNCTIONS.iter().map(function).chain(macros).collect();
    format!("| call | takes | gives | what |\n|---|---|---|---|\n{rows}")
}

/// Functions and macros of CEL that are left out, and what to write instead.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("all", "write `size(list.filter(x, !(...))) == 0`"),
    ("exists", "write `size(list.filter(x, ...)) > 0`"),
    ("exists_one", "write `size(list.filter(x, ...)) == 1`"),
    ("uint", "an int has 64 bits and a sign"),
    ("bytes", "strings are text"),
    ("type", "types are known at load"),
    ("dyn", "a value of unknown shape needs no conversion"),
    ("timestamp", "times are ints: milliseconds since 1970"),
    ("duration", "durations are ints: milliseconds"),
    ("getFullYear", "times are ints: milliseconds since 1970"),
    ("getMonth", "times are ints: milliseconds since 1970"),
    ("getHours", "times are ints: milliseconds since 1970"),
];

/// The function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Every name that can be called in this way.
pub fn names(method: bool) -> impl Iterator<Item = &'static str> {
    let other = if method { Called::Free } else { Called::Method };
    let functions = FUNCTIONS.iter().filter(move |function| function.called != other);
    let macros = MACROS.iter().filter(move |(name, ..)| (*name != "has") == method);
    functions.map(|function| function.name).chain(macros.map(|(name, ..)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_what_is_left_out_is_not_there() {
        let mut all: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        all.extend(MACROS.iter().map(|(name, ..)| *name));
        all.extend(LEFT_OUT.iter().map(|(name, _)| *name));
        let many = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), many);
    }
}
