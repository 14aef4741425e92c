//! Plays docs/tutorial.md: every file of it is written, every command run, every message sent, and
//! what the page says of them is compared. `SHARDWIRE_BLESS=1` rewrites outputs and answers.
//!
//! Blocks: `yaml` whose first line is `# NAME.yaml` writes that file; `diff` changes
//! `chat.yaml`; `console` has commands behind `$ ` and what they print; `session`
//! has messages to (`ada> `) and from (`ada< `) clients of the server that `serve` started.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod page;
mod player;

use std::fs;
use std::path::{Path, PathBuf};

use page::Block;
use player::Player;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("made");
    folder
}

#[test]
fn the_tutorial_is_what_happens() {
    let path = root().join("docs/tutorial.md");
    let text = fs::read_to_string(&path).expect("the tutorial");
    let mut player = Player::new(folder());
    let played = page::map_blocks(&text, |block| match block.language {
        "yaml" => player.write(block.body),
        "diff" => player.change(block.body),
        "console" => player.commands(block.body),
        "session" => player.talk(block.body),
        _ => block.body.to_owned(),
    });
    let example = root().join("examples/moderated-chat.yaml");
    let chat = player.chat().replacen("# chat.yaml\n", HEADER, 1);
    if std::env::var_os("SHARDWIRE_BLESS").is_some() {
        fs::write(&path, &played).expect("written");
        fs::write(&example, &chat).expect("written");
        return;
    }
    let wrong = text.lines().zip(played.lines()).enumerate().find(|(_, (one, other))| one != other);
    if let Some((line, (said, happened))) = wrong {
        panic!("docs/tutorial.md:{}\n  it says:  {said}\n  happens:  {happened}", line + 1);
    }
    assert_eq!(fs::read_to_string(example).expect("the example"), chat);
    assert_eq!(text, played, "docs/tutorial.md is longer or shorter than what happens");
}

/// The header that the example has instead of the file's name.
const HEADER: &str = "\
# A moderated chat: names, limits, a rule, moderators who mute and kick, tests. It is what
# docs/tutorial.md ends with. Try it: `shardwire serve --dev examples/moderated-chat.yaml`
# Its tests: `shardwire test examples/moderated-chat.yaml`
";

#[test]
fn every_block_is_of_a_kind_that_is_played_or_only_shown() {
    let text = fs::read_to_string(root().join("docs/tutorial.md")).expect("the tutorial");
    page::map_blocks(&text, |block: Block<'_>| {
        let kinds = ["yaml", "diff", "console", "session", "sh"];
        assert!(kinds.contains(&block.language), "a block of `{}`", block.language);
        block.body.to_owned()
    });
}
