//! E42 to E44: expressions. An example that begins with `# expression` is checked in the scope of
//! tests/golden.rs.

pages! {
    ExprSyntax "Not an expression"
        "The text does not follow the grammar of expressions; the label says what was expected."
        "# expression: payload.count + * 2\n"
    UnclosedHole "A `${` without its `}`"
        "An expression in a text stands between `${` and `}`. For the two characters themselves \
         write `$${`."
        "# scalar: hello ${user.id and more\n"
    BadString "Not a string"
        "A string stands in single or double quotes, on one line, with CEL's escapes: \\n \\t \\\" \
         \\' \\\\ \\x41 \\u00e9 \\U0001f600 \\101."
        "# expression: payload.name + 'a\\qb'\n"
    BadNumber "Not a number"
        "An int has 64 bits; a double has digits on both sides of its point, or an exponent."
        "# expression: payload.count < 9223372036854775808\n"
    ExprTooLarge "An expression is too large"
        "An expression has at most 4,096 bytes, nests at most 64 deep, and holds at most 64 values \
         at one time."
        "# expression: \
         !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!true\n"
    UnknownName "Unknown name"
        "The names an expression begins with are known when the file is loaded: what the message, \
         the connection and the user have, and what earlier steps made."
        "# expression: paylod.name\n"
    NotInScope "A name that is not in scope here"
        "The language has this name, but not at this place."
        "# expression: room.tenant == 'acme'\n"
    UnknownField "Unknown path"
        "The value is declared, and has no field of this name."
        "# expression: payload.nmae\n# payload: { name: string, count: int }\n"
    NoFields "A value without fields or elements"
        "Only a map has fields, only a list has elements, and only a value of unknown shape may \
         turn out to have either."
        "# expression: payload.name.first\n"
    MayBeNull "A value may be null"
        "The value may be missing and is used where one is needed. Give another with `??`, or \
         test it first: `x != null && ...`, `x != null ? ... : ...`, `if: x != null`."
        "# expression: payload.nick + '!'\n"
    TypeMismatch "An operator that does not take these types"
        "Arithmetic takes two ints or two numbers, `+` also two strings or two lists; \
         `int()`, `double()` and `string()` convert. Values of different types are never equal."
        "# expression: payload.count + payload.name\n"
    WrongType "A value of another type is needed"
        "The place that uses the value takes one type."
        "# expression: payload.name && payload.count > 1\n"
    UnknownFunction "Unknown function"
        "The set of functions is closed; docs/expressions.md lists it."
        "# expression: payload.name.startWith('a')\n"
    WrongArguments "Arguments a function does not take"
        "Every function takes its number and types of arguments."
        "# expression: size(payload.name, 3)\n"
    BadRegex "Not a pattern"
        "A pattern is a string that is known at load, in the syntax of RE2, and not too large when \
         it is compiled."
        "# expression: payload.name.matches('a(b')\n"
    SecretLeak "A secret at a place that may show it"
        "A secret, and whatever is computed from one, flows only where secrets are sent on purpose."
        "# expression: 'token ' + conn.jwt\n"
    OmitMisplaced "`omit` at a place that cannot be left out"
        "`omit` leaves out the key it stands at, so it is a whole value of a key, or the end of a \
         `??` or `? :` that is."
        "# expression: size(omit)\n"
    AlwaysFails "An expression that always fails"
        "All of its parts are known at load, and it has no value."
        "# expression: payload.count / 0\n"
    NotAValue "A name that is no value by itself"
        "The name only leads to others."
        "# expression: string(user)\n"
    NotSupported "A part of CEL that this language leaves out"
        "docs/expressions.md says which parts of CEL are left out, and why."
        "# expression: 3u\n"
    BadLoop "Not a `map` or `filter`"
        "`list.map(x, e)` and `list.filter(x, e)` name the element with a new name, and stand in \
         each other at most once."
        "# expression: payload.tags.map(1, 2)\n"
}
