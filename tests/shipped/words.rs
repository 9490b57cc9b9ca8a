//! The words of the program and of its manual pages: one concept has one word, the field's.
//!
//! A reader who knows nftables and has English as a second language must not have to read a sentence
//! twice, and finds in the log the word that the manual page has. So these words do not come back.

use std::fs;
use std::path::{Path, PathBuf};

use super::man::{self, DROP_IPS, NETFILTERD};

/// What is not to be said, in each form that is looked for, and what is said instead.
const NOT: &[(&str, &str)] = &[
    ("put right", "repaired"),
    ("putting it right", "repairing it"),
    ("puts it right", "repairs it"),
    ("puts everything right", "repairs the table"),
    ("put back", "repaired, or restored"),
    ("puts back", "repairs, or restores"),
    ("mend", "repair, or correct"),
    ("mended", "repaired"),
    ("mends", "repairs"),
    ("skipped", "rejected (a line), ignored (a file)"),
    ("passed over", "ignored"),
    ("set aside", "ignored (too wide)"),
    ("sets aside", "ignores"),
    ("it is at", "its status"),
    ("daemon is at", "its status"),
    ("they are at", "their progress"),
    ("told", "notified, or logged"),
    ("tell", "notify, or show"),
    ("tells", "notifies, or shows"),
    ("heard", "received"),
    ("hear", "receive"),
    ("hears", "receives"),
    ("ended", "expired (an entry), stopped (a process)"),
    ("entry ends", "expires"),
    ("entries end", "expire"),
    ("entries that end", "entries that expire"),
    ("next end", "next expiry"),
    ("next ends", "next expiry"),
    ("an end", "a time at which an entry expires"),
    ("given away", "dropped (a capability)"),
    ("give away", "drop"),
    ("gives away", "drops"),
    ("somebody", "another program, or another user"),
    ("nobody", "no program, or no user"),
    ("by others", "by other programs"),
    ("what others", "what other programs"),
    ("whoever", "the program that, or the user who"),
    ("do without", "ignore, or omit"),
    ("does without", "ignores, or omits"),
    ("done without", "ignored"),
    ("load again when", "reload when"),
    ("loads again", "reloads"),
    ("went well", "succeeded"),
    ("found out", "determined"),
    ("all the same", "still"),
    ("in its place", "instead"),
];

/// The phrases of [`NOT`] that a text holds, as whole words in upper or lower case. A hyphen and an
/// underscore belong to a word, so `--skip-missing` is one; all other signs separate words.
fn found(text: &str) -> Vec<&'static str> {
    let of_a_word = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let words: Vec<String> = text
        .split(|c| !of_a_word(c))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let text = format!(" {} ", words.join(" "));
    NOT.iter().map(|(not, _)| *not).filter(|not| text.contains(&format!(" {not} "))).collect()
}

/// Fails with each text that holds such a phrase, and what to write.
fn assert_none(texts: impl IntoIterator<Item = (String, String)>, least: usize) {
    let (mut wrong, mut count) = (String::new(), 0);
    for (place, text) in texts {
        count += 1;
        for not in found(&text) {
            let (_, but) = NOT.iter().find(|(phrase, _)| *phrase == not).expect("it is one");
            wrong += &format!("{place}: {text:?} says {not:?}; write: {but}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(count >= least, "only {count} texts were found");
}

#[test]
fn a_phrase_is_found_across_lines_and_marks_and_not_within_other_words() {
    assert_eq!(
        found("Table t was changed by nft (pid 7); Putting\nit right."),
        ["putting it right"]
    );
    assert_eq!(found("what the daemon is\n.Em at :"), [""; 0], "a macro in between hides it");
    assert_eq!(found("3 lines skipped, 1 entry set aside"), ["skipped", "set aside"]);
    assert_eq!(found("--skip-missing list_set_aside_entries blended foretold commends"), [""; 0]);
}

fn sources(folder: PathBuf, to: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).expect("src can be listed") {
        let path = item.expect("src can be listed").path();
        if path.is_dir() { sources(path, to) } else { to.push(path) }
    }
}

#[test]
fn no_message_has_a_word_of_its_own_for_what_has_a_name() {
    let mut files = Vec::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let texts = files.iter().flat_map(|path| {
        let source = fs::read_to_string(path).expect("source is text");
        // Keys of JSON stay as they are, since users' scripts read them.
        let kept = source.lines().filter(|line| !line.trim_start().starts_with("#[serde("));
        let source = kept.map(|line| format!("{line}\n")).collect::<String>();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        man::literals_of(&source).into_iter().map(move |literal| (name.clone(), literal))
    });
    assert_none(texts, 400);
}

#[test]
fn no_help_has_a_word_of_its_own_for_what_has_a_name() {
    let top = man::definition();
    let texts = man::all_commands(&top).into_iter().flat_map(|command| {
        let place = format!("{} --help", command.get_name());
        let help = command.clone().render_long_help().to_string();
        let texts = help.split("\n\n").map(str::to_string).collect::<Vec<_>>();
        texts.into_iter().map(move |text| (place.clone(), text))
    });
    assert_none(texts, 100);
}

/// Everything but the history, which may tell its story.
#[test]
fn no_manual_page_has_a_word_of_its_own_for_what_has_a_name() {
    for (name, least) in [(NETFILTERD, 800), (DROP_IPS, 250)] {
        let page = man::page(name);
        let mut section = String::new();
        let mut texts: Vec<(String, String)> = Vec::new();
        for line in page.iter().filter(|line| !line.starts_with(".\\\"")) {
            if let Some(heading) = line.strip_prefix(".Sh ") {
                section = heading.to_string();
            }
            // A sentence is lines up to one that ends it, so that a phrase is found across lines.
            match texts.last_mut() {
                Some((place, text)) if *place == section && !ends_a_sentence(text) => {
                    *text += &format!("\n{line}");
                }
                _ => texts.push((section.clone(), line.clone())),
            }
        }
        let texts = texts.into_iter().filter(|(section, _)| section != "HISTORY");
        assert_none(texts.map(|(section, text)| (format!("{name}, {section}"), text)), least);
    }
}

/// Whether the last line of a text is a macro that stands alone, or ends in a full stop.
fn ends_a_sentence(text: &str) -> bool {
    let last = text.lines().last().unwrap_or_default();
    let alone = [".Sh", ".Ss", ".It", ".Pp", ".Bl", ".El", ".Bd", ".Ed", ".Dl", ".D1"];
    last.ends_with('.') || last.ends_with(':') || alone.iter().any(|name| last.starts_with(name))
}
