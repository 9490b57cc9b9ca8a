//! Which part of the library may know which: read from the sources, so that a new arrow is seen
//! when it is drawn. docs/ARCHITECTURE.md says why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder or file of src, and what it may name.
const MAY_KNOW: [(&str, &[&str]); 16] = [
    ("sys", &[]),
    ("words", &[]),
    ("progress", &[]),
    ("ip", &["sys"]),
    ("list", &["sys", "words", "progress", "ip"]),
    ("policy", &["words", "progress", "ip", "list"]),
    ("netlink", &["sys"]),
    ("nftables", &["sys", "words", "progress", "ip", "netlink"]),
    ("nfqueue", &["sys", "ip", "netlink"]),
    ("output", &["words", "ip", "nftables"]),
    ("error", &["ip", "list", "policy", "nftables", "nfqueue"]),
    ("load", &["sys", "words", "progress", "ip", "list", "policy", "netlink", "error"]),
    ("status", &["sys", "words", "ip", "list", "nftables", "nfqueue", "error", "load"]),
    (
        "daemon",
        &[
            "sys", "words", "progress", "ip", "list", "policy", "netlink", "nftables", "nfqueue",
            "error", "load", "status",
        ],
    ),
    (
        "cli",
        &[
            "sys", "words", "progress", "ip", "list", "policy", "netlink", "nftables", "nfqueue",
            "error", "output", "load", "status", "daemon",
        ],
    ),
    ("main", &["daemon", "cli"]),
];

/// A source file: its path below src without `.rs`, as in `list/format/json`, and its code.
struct Source {
    path: Vec<String>,
    code: String,
}

fn sources() -> Vec<Source> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let source = |file: PathBuf| {
        let path = file.strip_prefix(&root).unwrap().with_extension("");
        let path = path.iter().map(|part| part.to_str().unwrap().to_string()).collect();
        Source { path, code: code_of(&fs::read_to_string(&file).unwrap()) }
    };
    files.into_iter().map(source).collect()
}

/// The code without comments and unit tests, and with each `use` on one line.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut code = String::new();
    let mut within_use = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        within_use |= line.starts_with("use ") || line.starts_with("pub use ");
        code += line;
        within_use &= !line.ends_with(';');
        code.push(if within_use { ' ' } else { '\n' });
    }
    code
}

/// The paths behind each `beginning` in the code, as far as they are names.
fn paths_behind(code: &str, beginning: &str) -> Vec<Vec<String>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in code.match_indices(beginning) {
        if code[..at].chars().next_back().is_some_and(|c| is_name(c) || c == ':') {
            continue;
        }
        let rest = &code[at + beginning.len()..];
        let path: String = rest.chars().take_while(|&c| is_name(c) || c == ':').collect();
        let path: Vec<String> = path.split("::").map(str::to_string).collect();
        // `use super::{a, b::c}` names what stands in the braces.
        match rest[path.join("::").len()..].strip_prefix('{') {
            None => found.push(path),
            Some(group) => {
                let begin = &path[..path.len() - 1];
                for name in names_in_group(group) {
                    found.push([begin, &[name]].concat());
                }
            }
        }
    }
    found
}

/// The first name of each item of a group, up to its closing brace.
fn names_in_group(group: &str) -> Vec<String> {
    let (mut depth, mut item, mut names) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    names.push(item);
    let first = |item: &String| item.trim().split("::").next().unwrap_or_default().to_string();
    names.iter().map(first).filter(|name| !name.is_empty()).collect()
}

/// The part that a file belongs to: its folder, or itself.
fn part(source: &Source) -> &str {
    &source.path[0]
}

#[test]
fn a_part_knows_only_what_it_may_know() {
    let may_know: BTreeMap<_, _> = MAY_KNOW.into();
    let mut parts = BTreeSet::new();
    for source in sources().iter().filter(|source| part(source) != "lib") {
        let part = part(source);
        parts.insert(part.to_string());
        let allowed = may_know
            .get(part)
            .unwrap_or_else(|| panic!("src/{part} is new: say here and in docs/ARCHITECTURE.md"));
        let begin = if part == "main" { "netfilterd::" } else { "crate::" };
        for path in paths_behind(&source.code, begin) {
            let known = &path[0];
            assert!(
                known == part || allowed.contains(&known.as_str()),
                "src/{}.rs names {known}, which {part} must not know",
                source.path.join("/")
            );
        }
    }
    let listed: BTreeSet<String> = may_know.keys().map(|part| part.to_string()).collect();
    assert_eq!(parts, listed, "every part is there, and no other");
}

#[test]
fn no_part_may_know_one_that_may_know_it() {
    let may_know: BTreeMap<_, _> = MAY_KNOW.into();
    // What comes later in the table may know only what comes before.
    for (index, (part, known)) in MAY_KNOW.iter().enumerate() {
        for name in known.iter() {
            let at = MAY_KNOW.iter().position(|(other, _)| other == name).unwrap();
            assert!(at < index, "{part} knows {name}, which stands below it");
            assert!(!may_know[name].contains(part));
        }
    }
}

/// The file that a path names, seen from a folder.
fn file_of(
    folder: &[String],
    path: &[String],
    files: &BTreeSet<Vec<String>>,
) -> Option<Vec<String>> {
    let whole = [folder, path].concat();
    (1..=whole.len()).rev().find_map(|length| {
        let file = whole[..length].to_vec();
        let module = [&file[..], &["mod".to_string()]].concat();
        [file, module].into_iter().find(|file| files.contains(file))
    })
}

#[test]
fn no_file_knows_one_that_knows_it_even_through_others() {
    let sources = sources();
    let files: BTreeSet<Vec<String>> = sources.iter().map(|source| source.path.clone()).collect();
    let mut known: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for source in &sources {
        let is_module = source.path.last().is_some_and(|name| name == "mod");
        // A module's own file lists what is in its folder; that is no knowledge.
        if is_module || part(source) == "lib" {
            continue;
        }
        let folder = &source.path[..source.path.len() - 1];
        let mut add = |folder: &[String], path: &[String]| {
            // What stands in a module's file may be taken from anywhere below it.
            let file = file_of(folder, path, &files).filter(|file| file.last().unwrap() != "mod");
            if let Some(file) = file.filter(|file| *file != source.path) {
                known.entry(source.path.clone()).or_default().insert(file);
            }
        };
        for path in paths_behind(&source.code, "crate::") {
            add(&[], &path);
        }
        for path in paths_behind(&source.code, "super::") {
            let above = path.iter().take_while(|name| *name == "super").count();
            add(&folder[..folder.len().saturating_sub(above)], &path[above..]);
        }
    }
    assert!(known.len() > 50, "the sources were found: {}", known.len());
    // What knows nothing more is taken off, and what nothing more knows, until only circles are left.
    loop {
        let before = known.len();
        let left: BTreeSet<Vec<String>> = known.keys().cloned().collect();
        known.values_mut().for_each(|known| known.retain(|file| left.contains(file)));
        known.retain(|_, known| !known.is_empty());
        let named: BTreeSet<Vec<String>> = known.values().flatten().cloned().collect();
        known.retain(|file, _| named.contains(file));
        if known.len() == before {
            break;
        }
    }
    let show = |path: &Vec<String>| path.join("/");
    let circles: Vec<String> = known
        .iter()
        .map(|(file, known)| {
            format!("{} -> {}", show(file), known.iter().map(show).collect::<Vec<_>>().join(", "))
        })
        .collect();
    assert!(circles.is_empty(), "these know each other:\n{}", circles.join("\n"));
}
