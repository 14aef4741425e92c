//! A strict reader of Prometheus' text format 0.0.4: whatever it does not know is an error.

use std::collections::{BTreeMap, BTreeSet};

pub type Labels = BTreeMap<String, String>;

/// One family of a page.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    /// By the sample's full name and its labels.
    pub samples: BTreeMap<(String, Labels), f64>,
}

pub type Page = BTreeMap<String, Family>;

/// Reads a page, or says what is wrong with which line.
pub fn read(text: &str) -> Result<Page, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut page = Page::new();
    let mut current = String::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: String| format!("line {}: {what}: {line}", number + 1);
        match line.strip_prefix("# ") {
            Some(about) => describe(about, &mut page, &mut current).map_err(wrong)?,
            None => sample(line, page.get_mut(&current), &current).map_err(wrong)?,
        }
    }
    for (name, family) in &page {
        check(name, family)?;
    }
    Ok(page)
}

/// `HELP` begins a family, `TYPE` comes next.
fn describe(about: &str, page: &mut Page, current: &mut String) -> Result<(), String> {
    let mut parts = about.splitn(3, ' ');
    let (what, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let rest = parts.next().ok_or("nothing is said")?.to_owned();
    if !is_name(name, ":") {
        return Err(format!("`{name}` is not a name"));
    }
    match what {
        "HELP" if page.contains_key(name) => Err("the family is there already".into()),
        "HELP" => {
            page.insert(name.to_owned(), Family { help: rest, ..Family::default() });
            name.clone_into(current);
            Ok(())
        }
        "TYPE" if *current == name && ["counter", "gauge", "histogram"].contains(&&*rest) => {
            let family = page.get_mut(name).ok_or("no help")?;
            let first = family.kind.is_empty() && family.samples.is_empty();
            family.kind = rest;
            first.then_some(()).ok_or("the type comes too late".into())
        }
        _ => Err("not a description".into()),
    }
}

fn is_name(text: &str, more: &str) -> bool {
    let usable = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    !text.is_empty() && !text.as_bytes()[0].is_ascii_digit() && text.chars().all(usable)
}

fn sample(line: &str, family: Option<&mut Family>, current: &str) -> Result<(), String> {
    let family = family.filter(|family| !family.kind.is_empty()).ok_or("no type before it")?;
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = read_labels(inner, &mut labels)?;
    }
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    let suffixes: &[&str] = match &*family.kind {
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => &[""],
    };
    let known = suffixes.iter().any(|suffix| *name == format!("{current}{suffix}"));
    if !known || !is_name(name, ":") {
        return Err(format!("`{name}` is not of the family `{current}`"));
    }
    match family.samples.insert((name.to_owned(), labels), value) {
        None => Ok(()),
        Some(_) => Err("the same sample twice".into()),
    }
}

/// Reads `name="value",...}`; gives what stands behind.
fn read_labels<'t>(mut text: &'t str, labels: &mut Labels) -> Result<&'t str, String> {
    loop {
        let (name, rest) = text.split_once("=\"").ok_or("no label")?;
        if !is_name(name, "") || name.starts_with("__") {
            return Err(format!("`{name}` is not a label"));
        }
        let (value, rest) = quoted(rest)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("the label `{name}` twice"));
        }
        match rest.strip_prefix(',') {
            Some(more) => text = more,
            None => return rest.strip_prefix('}').ok_or("the labels do not end".into()),
        }
    }
}

/// Reads to the closing quote.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, c @ ('\\' | '"'))) => c,
                _ => return Err("an escape that is none".into()),
            }),
            c => value.push(c),
        }
    }
    Err("a value that does not end".into())
}

/// The conventions of names, and what a histogram promises.
fn check(name: &str, family: &Family) -> Result<(), String> {
    let ours = name.starts_with("shardwire_") || name.starts_with("process_");
    let total = name.ends_with("_total");
    let scaled = ["_ms", "_ns", "_milliseconds", "_kb", "_percent"];
    let convention = ours
        && total == (family.kind == "counter")
        && !scaled.iter().any(|end| name.trim_end_matches("_total").ends_with(end))
        && family.help.ends_with('.')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !convention {
        return Err(format!("`{name}` ({}) breaks a convention", family.kind));
    }
    let whole = |value: f64| value >= 0.0 && value.fract() == 0.0;
    if family.kind == "counter" && !family.samples.values().all(|value| whole(*value)) {
        return Err(format!("`{name}` does not count"));
    }
    let names: BTreeSet<Vec<&String>> =
        family.samples.keys().map(|(_, labels)| labels.keys().collect()).collect();
    match &*family.kind {
        "histogram" => histogram(name, family),
        _ if names.len() > 1 => Err(format!("`{name}` has samples with different labels")),
        _ => Ok(()),
    }
}

fn histogram(name: &str, family: &Family) -> Result<(), String> {
    let mut all: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for ((full, labels), value) in &family.samples {
        if full.ends_with("_bucket") {
            let mut labels = labels.clone();
            let bound = labels.remove("le").ok_or("a bucket without `le`")?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap_or(-1.0) };
            all.entry(labels).or_default().push((bound, *value));
        }
    }
    for (labels, mut buckets) in all {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        let grows = buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        let count = family.samples.get(&(format!("{name}_count"), labels.clone()));
        let sum = family.samples.get(&(format!("{name}_sum"), labels));
        let last = buckets.last().copied();
        let ends = last.is_some_and(|(bound, all)| bound.is_infinite() && Some(&all) == count);
        if !grows || !ends || sum.is_none() || buckets[0].0 < 0.0 {
            return Err(format!("`{name}` is no histogram: {buckets:?}"));
        }
    }
    Ok(())
}

#[test]
fn the_reader_is_strict() {
    let head = "# HELP shardwire_a_total A.\n# TYPE shardwire_a_total counter\n";
    assert!(read(&format!("{head}shardwire_a_total{{x=\"a\\\\\\\"\\n\"}} 1\n")).is_ok());
    for wrong in [
        "shardwire_a_total 1\n",
        &format!("{head}shardwire_a_total 1"),
        &format!("{head}shardwire_a_total 1\nshardwire_a_total 2\n"),
        &format!("{head}shardwire_b_total 1\n"),
        &format!("{head}shardwire_a_total{{x=\"a}} 1\n"),
        &format!("{head}shardwire_a_total{{x=\"\\q\"}} 1\n"),
        &format!("{head}shardwire_a_total{{x=\"1\",x=\"2\"}} 1\n"),
        &format!("{head}shardwire_a_total{{x=\"1\"}} 1\nshardwire_a_total{{y=\"1\"}} 1\n"),
        &format!("{head}shardwire_a_total -1\n"),
        &format!("{head}shardwire_a_total  1\n"),
        &format!("{head}{head}"),
        "# HELP shardwire_a A.\n# TYPE shardwire_a counter\n",
        "# HELP shardwire_a_ms A.\n# TYPE shardwire_a_ms gauge\n",
        "# HELP a_total A.\n# TYPE a_total counter\n",
        "# HELP shardwire_h H.\n# TYPE shardwire_h histogram\nshardwire_h_bucket{le=\"1\"} 2\n\
         shardwire_h_bucket{le=\"+Inf\"} 1\nshardwire_h_sum 1\nshardwire_h_count 1\n",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
