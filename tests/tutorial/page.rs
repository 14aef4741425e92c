//! The fenced blocks of a page, and the small formats inside them.

/// A fenced block: the first word behind its fence, and its lines.
pub struct Block<'p> {
    pub language: &'p str,
    pub body: &'p str,
}

/// The page with the body of each block replaced.
pub fn map_blocks(page: &str, mut play: impl FnMut(Block<'_>) -> String) -> String {
    let mut parts = page.split("\n```");
    let mut mapped = parts.next().unwrap_or_default().to_owned();
    while let Some(part) = parts.next() {
        let (info, body) = part.split_once('\n').expect("a fence has a line end");
        let language = info.split(' ').next().unwrap_or_default();
        let behind = parts.next().expect("every fence is closed");
        let body = play(Block { language, body: &format!("{body}\n") });
        mapped += &format!("\n```{info}\n{}\n```{behind}", body.trim_end_matches('\n'));
    }
    mapped
}

/// A text changed by a diff without line numbers: each hunk (`@@` parts them) fits one place.
pub fn patched(text: &str, diff: &str) -> String {
    diff.split("@@\n").fold(text.to_owned(), |text, hunk| {
        let side = |other: char| -> String {
            let lines = hunk.lines().filter(|line| !line.starts_with(other));
            lines.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
        };
        let (old, new) = (side('+'), side('-'));
        let places = format!("\n{text}").matches(&format!("\n{old}")).count();
        assert_eq!(places, 1, "this fits {places} places, not one:\n{old}--- of\n{text}");
        format!("\n{text}").replacen(&format!("\n{old}"), &format!("\n{new}"), 1)[1..].to_owned()
    })
}

/// The commands of a console, each with what it printed.
pub fn commands(console: &str) -> Vec<&str> {
    console.lines().filter_map(|line| line.strip_prefix("$ ")).collect()
}

/// A text without what differs from run to run: how long tests took, and until a limit passes.
pub fn settled(text: &str) -> String {
    let with_times = text.split_inclusive(' ').collect::<Vec<_>>();
    let words = with_times.iter().enumerate().map(|(place, word)| {
        let time = with_times.get(place + 1).is_some_and(|next| next.starts_with("ms,"));
        if time && word.trim_end().chars().all(|c| c.is_ascii_digit()) { "3 " } else { word }
    });
    let text: String = words.collect();
    let Some((before, behind)) = text.split_once(RETRY) else { return text };
    format!("{before}{RETRY}59000{}", behind.trim_start_matches(|c: char| c.is_ascii_digit()))
}

const RETRY: &str = "\"retryAfterMs\":";
