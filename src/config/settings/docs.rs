//! docs/configuration.md from the table of options and the catalog of modifiers and actions.

use std::collections::BTreeSet;

use super::super::compile::VERBS;
use super::super::compile::Verb;
use super::super::compile::catalog::{ACTIONS, MODIFIERS, Row};
use super::super::diagnostic::{Findings, Place};
use super::backends;
use super::draft::Draft;
use super::entries::EntryOption;
use super::options::keys;
use super::overrides::{PREFIX, can_override, variable};
use super::registry::{Effect, Given, Key, Kind};
use super::rooms;
use super::walk::{set, takes};

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated; `SHARDWIRE_BLESS=1 cargo test --test golden` rewrites it. -->

One YAML file is the program. `shardwire check config.yaml` reports everything that is wrong with
it at once; [diagnostics.md](diagnostics.md) explains each finding.

- Durations are numbers with units: `60m`, `1h30m`, `500ms`. Sizes: `64KiB`, `1MiB`.
- `${env.NAME}` and `${env.NAME ?? 'default'}` in a value read the environment at load.
  Where an option takes a list, commas separate its items in such a text, in brackets or without.
- Every option can be set by its variable, which wins over the file; `GODISPATCH_` instead of
  `SHARDWIRE_` works too, and `PORT` sets the port of `server.address`.
  Order: SHARDWIRE_, GODISPATCH_, PORT, file, default.
- Keys that begin with `x-` at the top of the file are free. Any other unknown key is E201; a list
  or a map where a plain value belongs is E202.
- Without `version:` option names may be written in any case.

## Several files

```yaml fragment
extends: base.yaml
include: [events/*.yaml, rooms.yaml]
server: { address: \":9000\" }
```

- `extends`, one file or a list, is what this file is laid over: maps are merged key by key,
  anything else is replaced. Lists are replaced as a whole; there is no way to append to one. A key
  with nothing behind it (`events: { debug: }`) takes away what is below.
- `include`, one file or a list, puts parts beside this file: a value may stand in one of them only.
  `*` and `?` stand for characters of one name; files come in the order of their names.
- `--env production` lays `config.production.yaml` over `config.yaml` and all it asks for. It may
  extend and include in its turn.
- Variables win over every file. Order: variables, the file of the environment, the file and what it
  includes, what it extends, the default.
- Names are relative to the file they stand in, without `..`; every file lies below the folder of
  the main one, links followed, and is asked for once. 256 files and 1 MiB in all.
- In a merged map (`rooms` too, where the first match counts) the keys of the lower file come first.
- A finding tells the file of each of its places; so does `shardwire config --effective`.
";

/// The reference page.
pub fn configuration() -> String {
    let mut page = String::from(INTRODUCTION);
    page += "\n## Options\n";
    for key in keys() {
        page += &option(key);
    }
    page += &rooms();
    page += &backends();
    page += "\n## Steps\n\nThe verbs of the native spelling; ";
    page += "[the language](language.md) says more.\n\n";
    VERBS.iter().for_each(|verb| page += &step(verb));
    page += "\n## Modifiers\n\nThey run before the actions, in order; ";
    page += "the first refusal ends the run.\n\n";
    MODIFIERS.iter().for_each(|row| page += &call(row));
    page += "\n## Actions\n\n";
    ACTIONS.iter().for_each(|row| page += &call(row));
    page + TEMPLATES
}

const TEMPLATES: &str = "
## Templates

Parameters of actions may hold templates. `{.payload.x.y}` is a field of the message's payload,
`{.payload}` the whole; `{$user.id}`, `{$conn.id}` and `{$target.id}` are who sent it and what it is
meant for;
`{$token.claim}` is a claim of the message's own token, after the modifier `secure`.

A payload is JSON with templates inside strings or at the place of a value. The values are put in as
JSON, so no message can break out of the string it is put into. A message that lacks a field is
refused with `missing_field` at the step that needs it.
";

fn step(verb: &Verb) -> String {
    format!("- `{}`: {}. {}\n", verb.name, verb.takes, verb.doc)
}

fn option(key: &'static Key) -> String {
    let mut lines = vec![format!("\n### `{}`\n\n{}\n", key.path, key.doc)];
    lines.push(format!("- Takes: {}", takes(key)));
    if !key.default.is_empty() {
        lines.push(format!("- Default: `{}`", key.default));
    }
    if let Some(newer) = key.newer {
        lines.push(format!("- Older spelling of `{newer}`"));
    }
    if can_override(key) {
        lines.push(format!("- Variable: `{}`", variable(PREFIX, key)));
    }
    lines.extend(codes(key).map(|codes| format!("- Anything else is {codes}")));
    lines.push(format!("- A change takes effect {}", when(key.effect)));
    lines.join("\n") + "\n"
}

fn when(effect: Effect) -> &'static str {
    match effect {
        Effect::Live => "at once",
        Effect::New => "for new connections",
        Effect::Restart => "at the next start",
    }
}

/// Values that some kinds of options do not take.
const PROBES: [&str; 5] = ["", "\u{1}", "0", "1x", "99999999999999999"];

/// What a value is refused with that the option does not take: it is given some.
fn codes(key: &'static Key) -> Option<String> {
    if matches!(key.kind, Kind::Program(_) | Kind::Rooms | Kind::Backends | Kind::Keys) {
        return None;
    }
    let mut findings = Findings::default();
    for probe in PROBES {
        let given = Given { texts: vec![probe.to_owned()], list: false };
        let place = Place::Variable(String::new());
        set(key, given, place, &mut Draft::default(), &mut findings);
    }
    let codes: BTreeSet<&str> = findings.sorted().iter().map(|one| one.code.text()).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    (!codes.is_empty()).then(|| codes.join(", "))
}

fn rooms() -> String {
    let text = format!("\n## Rooms by name\n\n{}", rooms::DOC);
    text + &entry_options("rooms.PATTERN", rooms::OPTIONS)
}

fn backends() -> String {
    let text = format!("\n## Backends by name\n\n{}", backends::DOC);
    text + &entry_options("backends.NAME", backends::OPTIONS)
}

fn entry_options<T>(above: &str, options: &[EntryOption<T>]) -> String {
    let mut text = String::new();
    for option in options {
        text += &format!("\n### `{above}.{}`\n\n{}\n\n", option.path, option.doc);
        text += &format!("- Takes: {}\n- Default: `{}`\n", option.takes, option.default);
        // Members of open rooms joined by it, so a pattern that stays keeps it.
        let kept = option.path == "membership";
        let effect = if kept { when(Effect::Restart) } else { when(Effect::Live) };
        text += &format!("- A change takes effect {effect}\n");
    }
    text
}

fn call(row: &Row) -> String {
    let more = if row.variadic { ", ..." } else { "" };
    format!("- `{}` `[{}{more}]`: {}\n", row.name, row.params.join(", "), row.doc)
}
