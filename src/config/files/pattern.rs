//! Names of files as a configuration gives them: relative paths, and patterns of such.
//!
//! Invariants: a joined path has no `..`, no root and no empty part; `*` and `?` stand for
//! characters of one part, never for a leading dot.

use super::super::codes::Code;
use super::super::diagnostic::Diagnostic;
use super::Folder;

/// `name` as the file at `path` means it, from the main folder; `None` where it leads outside.
pub fn joined(path: &str, name: &str) -> Option<String> {
    let absolute = name.starts_with('/') || name.contains(['\\', '\0', ':']);
    if name.is_empty() || absolute {
        return None;
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "." => {}
            "" | ".." => return None,
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// The files that a pattern names, in the order of their names.
pub fn matching(folder: &dyn Folder, pattern: &str) -> Result<Vec<String>, Diagnostic> {
    if pattern.split('/').any(|part| part.contains("**")) {
        let finding = Diagnostic::new(Code::BadPattern, "`**` is not known in names of files");
        return Err(finding.help("name each folder: `include: [events/*.yaml, rooms/*.yaml]`"));
    }
    let mut paths = vec![String::new()];
    for part in pattern.split('/') {
        let mut next = Vec::new();
        for path in &paths {
            next.extend(step(folder, path, part)?);
        }
        paths = next;
    }
    paths.sort();
    Ok(paths)
}

/// The paths that one more part of a pattern leads to.
fn step(folder: &dyn Folder, path: &str, part: &str) -> Result<Vec<String>, Diagnostic> {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}/{name}"),
    };
    if !is_pattern(part) {
        return Ok(vec![below(part)]);
    }
    let names = folder.names(path)?;
    Ok(names.iter().filter(|name| fits(part, name)).map(|name| below(name)).collect())
}

/// Whether a name is one that a part of a pattern means.
fn fits(pattern: &str, name: &str) -> bool {
    let hidden = name.starts_with('.') && !pattern.starts_with('.');
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    !hidden && glob(&pattern, &name)
}

/// Both walked side by side; a `*` that took too little is tried again with one character more.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while from < name.len() {
        match (pattern.get(at), retry) {
            (Some('*'), _) => {
                retry = Some((at, from));
                at += 1;
            }
            (Some(c), _) if *c == '?' || *c == name[from] => (at, from) = (at + 1, from + 1),
            (_, Some((star, taken))) => {
                retry = Some((star, taken + 1));
                (at, from) = (star + 1, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_and_never_lead_outside() {
        for (path, name, joined_path) in [
            ("config.yaml", "base.yaml", Some("base.yaml")),
            ("config.yaml", "./events/a.yaml", Some("events/a.yaml")),
            ("events/a.yaml", "b.yaml", Some("events/b.yaml")),
            ("", "events/b.yaml", Some("events/b.yaml")),
            ("config.yaml", "", None),
            ("config.yaml", ".", None),
            ("config.yaml", "/etc/passwd", None),
            ("config.yaml", "../a.yaml", None),
            ("events/a.yaml", "../b.yaml", None),
            ("config.yaml", "a//b.yaml", None),
            ("config.yaml", "C:\\a.yaml", None),
            ("config.yaml", "a\0", None),
        ] {
            assert_eq!(joined(path, name).as_deref(), joined_path, "{path} {name}");
        }
    }

    #[test]
    fn patterns_fit() {
        for (pattern, name, fit) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", ".yaml", false),
            ("*.yaml", ".a.yaml", false),
            (".*.yaml", ".a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("?.yaml", "é.yaml", true),
            ("??.yaml", "a.yaml", false),
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
        assert!(!fits(&"a*".repeat(40), &"a".repeat(39)));
    }
}
