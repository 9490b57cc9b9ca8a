//! The manual pages against the program: options, commands, defaults, messages and examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command as Process;

use clap::{Arg, Command, CommandFactory, Parser, ValueEnum};
use netfilterd::cli::args::Cli;
use netfilterd::list::format::refused;
use netfilterd::list::{self, End, List};
use netfilterd::output::print::Format;

pub const NETFILTERD: &str = "netfilterd.8";
pub const DROP_IPS: &str = "drop_ips.5";

/// What stands in a message where a word is filled in.
const BLANK: char = '\0';

pub fn page(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines().map(str::to_string).collect()
}

/// The lines under a heading (`.Sh EXAMPLES`), up to the next one of the same or a higher kind.
fn under<'a>(lines: &'a [String], heading: &str) -> &'a [String] {
    let start = lines.iter().position(|line| line == heading);
    let rest = &lines[start.unwrap_or_else(|| panic!("no {heading}")) + 1..];
    let sub = heading.starts_with(".Ss");
    let ends = |line: &String| line.starts_with(".Sh") || sub && line.starts_with(".Ss");
    &rest[..rest.iter().position(ends).unwrap_or(rest.len())]
}

/// The entries of the lists in a section: what stands behind `.It`, and the lines below it.
fn items(lines: &[String]) -> Vec<(&str, &[String])> {
    let heads: Vec<usize> =
        (0..lines.len()).filter(|&index| lines[index].starts_with(".It ")).collect();
    let ends = heads.iter().skip(1).copied().chain([lines.len()]);
    heads
        .iter()
        .zip(ends)
        .map(|(&head, end)| (&lines[head][".It ".len()..], &lines[head + 1..end]))
        .collect()
}

/// The characters that are written with a backslash.
fn plain(text: &str) -> String {
    text.replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", "\"").replace("\\&", "")
}

/// The options that a line names by `Fl`, as they are typed: `-f`, `--file`.
fn flags(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut flags = Vec::new();
    for (index, _) in words.iter().enumerate().filter(|(_, word)| word.ends_with("Fl")) {
        // `.Fl h | V` names two.
        let named = words[index + 1..].split(|&word| word == "|").map_while(|part| part.first());
        let take = if words.get(index + 2) == Some(&"|") { 2 } else { 1 };
        flags.extend(named.take(take).filter(|word| **word != "Fl").map(|word| format!("-{word}")));
    }
    flags
}

fn spellings(arg: &Arg) -> BTreeSet<String> {
    let short = arg.get_short().map(|letter| format!("-{letter}"));
    let long = arg.get_long().map(|word| format!("--{word}"));
    short.into_iter().chain(long).collect()
}

fn is_option(arg: &Arg) -> bool {
    !spellings(arg).is_empty()
}

/// The program's command line as clap completes it: with help and version.
pub fn definition() -> Command {
    let mut definition = Cli::command();
    definition.build();
    definition
}

/// The top level, where the options of `run` stand as well, and every command below it.
pub fn all_commands(top: &Command) -> Vec<&Command> {
    let mut all = vec![top];
    let mut next = 0;
    while let Some(command) = all.get(next).copied() {
        // `help` repeats the commands.
        all.extend(command.get_subcommands().filter(|_| command.get_name() != "help"));
        next += 1;
    }
    all
}

/// Every option of the program, by its long name.
fn all_options(top: &Command) -> BTreeMap<String, &Arg> {
    let options = all_commands(top).into_iter().flat_map(Command::get_arguments);
    let options = options.filter(|arg| is_option(arg));
    options.map(|arg| (spellings(arg).into_iter().next().unwrap_or_default(), arg)).collect()
}

#[test]
fn every_option_is_on_the_page_and_every_option_on_the_page_exists() {
    let top = definition();
    let page = page(NETFILTERD);
    let documented: BTreeSet<BTreeSet<String>> = items(under(&page, ".Sh OPTIONS"))
        .iter()
        .filter(|(head, _)| head.starts_with("Fl "))
        .map(|(head, _)| flags(head).into_iter().collect())
        .collect();
    let defined: BTreeSet<BTreeSet<String>> =
        all_options(&top).values().map(|arg| spellings(arg)).collect();
    assert!(defined.len() > 10, "the definition was not walked: {defined:?}");
    assert_eq!(documented, defined);
}

#[test]
fn an_option_on_the_page_takes_a_value_if_the_program_takes_one() {
    let top = definition();
    let options = all_options(&top);
    let page = page(NETFILTERD);
    for (head, _) in items(under(&page, ".Sh OPTIONS")) {
        let Some(arg) = flags(head).iter().find_map(|flag| options.get(flag)) else { continue };
        assert_eq!(head.contains(" Ar "), arg.get_action().takes_values(), "{head}");
    }
}

#[test]
fn an_option_means_the_same_in_every_command() {
    let top = definition();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for command in all_commands(&top) {
        for arg in command.get_arguments().filter(|arg| is_option(arg)) {
            // The text of help differs by whether a long form exists.
            if spellings(arg).contains("--help") {
                continue;
            }
            for spelling in spellings(arg) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                let before = seen.entry(spelling.clone()).or_insert_with(|| help.clone());
                assert_eq!(*before, help, "{spelling} of {}", command.get_name());
            }
        }
    }
}

#[test]
fn the_synopsis_shows_exactly_the_options_that_each_command_takes() {
    let top = definition();
    let page = page(NETFILTERD);
    let synopsis = under(&page, ".Sh SYNOPSIS");
    let blocks = synopsis.split(|line| line == ".Nm").skip(1);
    let mut shown = BTreeSet::new();
    for block in blocks {
        let first = block[0].as_str();
        let words = first.strip_prefix(".Cm ").or_else(|| first.strip_prefix(".Op Cm "));
        let Some(name) = words else { continue };
        let command = top.find_subcommand(name).unwrap_or_else(|| panic!("no command {name}"));
        let options: Vec<_> = command
            .get_arguments()
            .filter(|arg| is_option(arg))
            .map(spellings)
            // Shown on a line of its own.
            .filter(|spellings| !spellings.contains("--help"))
            .collect();
        let named: Vec<String> = block.iter().flat_map(|line| flags(line)).collect();
        for option in &options {
            let times = named.iter().filter(|flag| option.contains(*flag)).count();
            assert_eq!(times, 1, "{option:?} in the synopsis of {name}");
        }
        assert_eq!(named.len(), options.len(), "the synopsis of {name} has {named:?}");
        shown.insert(name.to_string());
    }
    assert_eq!(shown, command_names(&top));
    assert!(synopsis.ends_with(&[".Fl h | V".to_string()]));
}

fn command_names(top: &Command) -> BTreeSet<String> {
    all_commands(top)[1..].iter().map(|command| command.get_name().to_string()).collect()
}

#[test]
fn every_command_is_on_the_page_and_every_command_on_the_page_exists() {
    let page = page(NETFILTERD);
    let documented: BTreeSet<String> = items(under(&page, ".Sh COMMANDS"))
        .iter()
        .filter_map(|(head, _)| head.strip_prefix("Ic ").or_else(|| head.strip_prefix("Cm ")))
        .filter_map(|rest| rest.split_whitespace().next())
        .map(str::to_string)
        .collect();
    assert_eq!(documented, command_names(&definition()));
}

#[test]
fn every_default_stands_with_its_option() {
    let top = definition();
    let page = page(NETFILTERD);
    let items = items(under(&page, ".Sh OPTIONS"));
    let mut checked = 0;
    for arg in all_options(&top).values().filter(|arg| arg.get_action().takes_values()) {
        let spellings = spellings(arg);
        let (_, body) = items
            .iter()
            .find(|(head, _)| flags(head).iter().any(|flag| spellings.contains(flag)))
            .unwrap_or_else(|| panic!("no entry for {spellings:?}"));
        for default in arg.get_default_values() {
            let default = default.to_string_lossy();
            // As an argument of its own, `.Ql drop4`, or in the sentence.
            let marks = [".Pa", ".Ql", ".Cm"].map(|mark| format!("{mark} {default} "));
            let sentence = format!("default is {default},");
            let found = body.iter().any(|line| {
                line.contains(&sentence)
                    || marks.iter().any(|mark| format!("{line} ").starts_with(mark))
            });
            assert!(found, "{default} does not stand with {spellings:?}");
            checked += 1;
        }
    }
    assert!(checked >= 6, "only {checked} defaults were found");
}

#[test]
fn the_default_list_stands_under_files() {
    let line = format!(".It Pa {}", netfilterd::cli::args::DEFAULT_LIST);
    assert!(under(&page(NETFILTERD), ".Sh FILES").contains(&line));
}

#[test]
fn the_lengths_on_the_page_are_those_that_are_taken() {
    let page = page(NETFILTERD);
    for (option, least, most) in [("--mask", 8, 32), ("--mask6", 16, 128)] {
        let takes = |length: i32| {
            Cli::try_parse_from(["netfilterd", "load", option, &length.to_string()]).is_ok()
        };
        assert!(takes(least) && takes(most) && !takes(least - 1) && !takes(most + 1));
        let items = items(under(&page, ".Sh OPTIONS"));
        let entry = items.iter().find(|(head, _)| flags(head).contains(&option.to_string()));
        let text = entry.map(|(_, body)| body.join(" ")).unwrap_or_default();
        assert!(text.contains(&format!("{least} to {most}")), "{option}: {text}");
    }
}

#[test]
#[cfg_attr(not(feature = "map"), ignore = "the pages describe the default build")]
fn every_print_format_is_on_the_page_and_every_format_on_the_page_exists() {
    let page = page(NETFILTERD);
    let documented: BTreeSet<&str> = items(under(&page, ".Ss Print formats"))
        .iter()
        .filter_map(|(head, _)| head.strip_prefix("Cm "))
        .collect();
    let values: Vec<_> =
        Format::value_variants().iter().filter_map(|f| f.to_possible_value()).collect();
    let defined: BTreeSet<&str> = values.iter().map(|value| value.get_name()).collect();
    assert_eq!(documented, defined);
}

#[test]
fn the_exit_statuses_are_0_to_4() {
    let page = page(NETFILTERD);
    let heads: Vec<&str> =
        items(under(&page, ".Sh EXIT STATUS")).iter().map(|(head, _)| *head).collect();
    assert_eq!(heads, ["0", "1", "2", "3", "4"]);
}

/// The lines of each `.Bd -literal` display.
fn displays(lines: &[String]) -> Vec<String> {
    let mut displays = Vec::new();
    let mut current: Option<String> = None;
    for line in lines {
        match current.as_mut() {
            _ if line.starts_with(".Bd -literal") => current = Some(String::new()),
            Some(_) if line == ".Ed" => displays.extend(current.take()),
            Some(text) => *text += &format!("{}\n", plain(line)),
            None => {}
        }
    }
    displays
}

/// A line of the examples as a shell would take it apart, without variables or escapes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => words.last_mut().expect("begins with one").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Parses each command that calls netfilterd, and returns how many those are.
fn type_all(lines: &[String]) -> usize {
    let mut typed = 0;
    for line in lines {
        // A crontab line names its user before the command; what is behind a # says what it does.
        let command = line.split_once(" root ").map_or(line.as_str(), |(_, command)| command);
        let command = command.split(" # ").next().unwrap_or(command);
        for part in command.split(['|', '&', '>', '<']).map(words) {
            let part = part.strip_prefix(&["sudo".to_string()]).unwrap_or(&part);
            if part
                .first()
                .is_some_and(|word| word == "netfilterd" || word.ends_with("/netfilterd"))
            {
                Cli::try_parse_from(part).unwrap_or_else(|error| panic!("{line}: {error}"));
                typed += 1;
            }
        }
    }
    typed
}

#[test]
#[cfg_attr(not(feature = "map"), ignore = "the pages describe the default build")]
fn every_command_in_the_examples_can_be_typed() {
    let page = page(NETFILTERD);
    let examples = under(&page, ".Sh EXAMPLES");
    let single = examples.iter().filter_map(|line| line.strip_prefix(".Dl ")).map(plain);
    let lines = displays(examples)
        .iter()
        .flat_map(|text| text.lines())
        .map(str::to_string)
        .chain(single)
        .collect::<Vec<_>>();
    let typed = type_all(&lines);
    assert!(typed >= 8, "only {typed} commands were found in {lines:?}");
}

#[test]
#[cfg_attr(not(feature = "map"), ignore = "the pages describe the default build")]
fn every_command_in_the_readmes_can_be_typed_and_every_link_leads_somewhere() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, least) in [
        ("README.md", 8),
        ("rulesets/README.md", 0),
        ("contrib/agents/README.md", 0),
        ("contrib/agents/country.md", 5),
        ("contrib/fleet/README.md", 2),
        ("docs/FAULTS.md", 0),
        ("docs/THREATS.md", 0),
        ("docs/ARCHITECTURE.md", 0),
        ("CONTRIBUTING.md", 0),
        ("SECURITY.md", 0),
    ] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let code = text.lines().filter_map(|line| line.strip_prefix("    "));
        // An address of the session that is not there when this is tested.
        let code = code.map(|line| line.replace("\"${SSH_CONNECTION%% *}\"", "192.0.2.1"));
        let typed = type_all(&code.collect::<Vec<_>>());
        assert!(typed >= least, "only {typed} commands were found in {name}");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = folder.join(name).parent().unwrap().join(link);
            assert!(link.starts_with("https://") || file.exists(), "{name} links to {link}");
        }
    }
}

fn contents(text: &str) -> list::Contents {
    list::parse(&[List::new("example", text.as_bytes().to_vec())])
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn every_example_list_is_read_without_a_rejection() {
    let page = page(DROP_IPS);
    let examples = displays(under(&page, ".Sh EXAMPLES"));
    assert!(!examples.is_empty());
    for text in &examples {
        let contents = contents(text);
        assert_eq!(contents.report.rejections, [], "{text}");
        let begin = contents.expiring.at(End::at(0));
        assert!(contents.sets.union(&begin).network_count() > 0, "{text}");
    }
}

#[test]
fn every_format_of_a_feed_on_the_page_is_read_without_a_rejection() {
    let page = page(DROP_IPS);
    let section = under(&page, ".Sh FORMATS");
    let formats = section.iter().filter(|line| line.starts_with(".Ss ")).count();
    let examples = displays(section);
    assert!(formats >= 10);
    assert_eq!(examples.len(), formats, "a format without an example, or with two");
    for text in &examples {
        let contents = contents(text);
        assert_eq!(contents.report.rejections, [], "{text}");
        let begin = contents.expiring.at(End::at(0));
        assert!(contents.sets.union(&begin).network_count() > 0, "{text}");
    }
}

#[test]
fn every_form_of_an_entry_on_the_page_is_read() {
    let page = page(DROP_IPS);
    let entries = items(under(&page, ".Ss Entries"));
    assert!(entries.len() >= 10);
    for (head, _) in entries {
        let line = plain(head.strip_prefix("Li ").expect("an entry is literal"));
        assert_eq!(contents(&line).report.summaries[0].rejected, 0, "{line}");
    }
}

#[test]
fn every_line_shown_as_rejected_is_rejected_for_that_reason() {
    let page = page(DROP_IPS);
    let mut shown = 0;
    for (head, body) in items(under(&page, ".Sh DIAGNOSTICS")) {
        for line in body.iter().filter_map(|line| line.strip_prefix(".Dl ")).map(plain) {
            // Alone, so that the line decides the format; then in a plain list.
            let mut reasons = Vec::new();
            for text in [line.clone(), format!("{line}\n192.0.2.1\n192.0.2.2\n")] {
                List::new("example", text.into_bytes())
                    .scan(|_, _, _| {}, |_, error, _| reasons.push(error.reason.to_string()));
            }
            let message = message(head);
            assert!(
                reasons.iter().any(|reason| begins(&message, reason)),
                "{line}: {message:?} is not one of {reasons:?}"
            );
            shown += 1;
        }
    }
    assert!(shown >= 15, "only {shown} lines were found");
}

/// A text as mdoc has it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped += "\\e",
            '-' => escaped += "\\-",
            '\'' => escaped += "\\(aq",
            '`' => escaped += "\\(ga",
            '^' => escaped += "\\(ha",
            '~' => escaped += "\\(ti",
            '"' => escaped += "\\(dq",
            c => escaped.push(c),
        }
    }
    escaped
}

/// A cure as the page has it: sentences, and each command on a line of its own.
fn cure(cure: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for part in cure.split_inclusive(", or ") {
        let (text, command) = match part.contains("FILE") {
            true => part.split_once(": ").expect("a command stands behind a colon"),
            false => (part, ""),
        };
        let begins = lines.is_empty();
        let first = text.chars().next().map(|c| if begins { c.to_ascii_uppercase() } else { c });
        let rest: String = text.chars().skip(1).collect();
        let text = first.into_iter().collect::<String>() + &rest;
        let (command, joined) = match command.strip_suffix(", or ") {
            Some(command) => (command, true),
            None => (command, false),
        };
        if command.is_empty() {
            lines.push(escaped(text.trim_end()));
        } else {
            lines.push(escaped(&format!("{text}:")));
            // A sign that stands alone would be joined to the word before it.
            let words = command.split(' ').map(|word| match word {
                "?" | ":" | "." | "," | ";" | "!" => format!("\\&{word}"),
                word => escaped(word),
            });
            lines.push(format!(".Dl {}", words.collect::<Vec<_>>().join(" ")));
            lines.extend(joined.then(|| "or".to_string()));
        }
    }
    match lines.last_mut() {
        Some(last) if !last.starts_with(".Dl ") => last.push('.'),
        _ => {}
    }
    lines
}

#[test]
fn every_kind_of_file_that_is_no_list_is_on_the_page_with_how_it_is_known_and_what_to_do() {
    let page = page(DROP_IPS);
    let section = under(&page, ".Sh FILES THAT ARE NOT LISTS");
    let begin = section.iter().position(|line| line == ".Bl -tag -width Ds").expect("a list") + 1;
    let end = section.iter().rposition(|line| line == ".El").expect("it ends");
    let mut expected = Vec::new();
    for (kind, how) in refused::kinds() {
        expected.push(format!(".It {}", escaped(kind.what)));
        expected.push(escaped(&format!("Recognised by {how}.")));
        expected.extend(cure(kind.cure));
    }
    assert!(expected.len() > 200);
    assert_eq!(section[begin..end].join("\n"), expected.join("\n"));
}

/// The text of a quoted message: what `Ar` marks is filled in at run time.
fn message(head: &str) -> String {
    let mut text = String::new();
    let mut filled_in = false;
    let mut joined = true;
    for word in head.split_whitespace() {
        let closing = matches!(word, "," | ";" | ":" | ")" | ".");
        match word {
            "Ar" => {
                filled_in = true;
                text.extend((!joined).then_some(' '));
                text.push(BLANK);
                joined = false;
            }
            "No" => filled_in = false,
            "Ns" => (filled_in, joined) = (false, true),
            _ if filled_in && !closing => {}
            word => {
                text.extend((!joined && !closing).then_some(' '));
                text += &plain(word);
                joined = word == "(";
            }
        }
    }
    text
}

/// What may stand before the part of a message that one literal holds.
fn without_lead(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == BLANK || " '.:".contains(c))
}

/// Whether `text` is the beginning of the format string `literal`, in which a blank is filled with
/// a blank of the text or with one word.
fn begins(literal: &str, text: &str) -> bool {
    let Some(expected) = text.chars().next() else { return true };
    let rest = |text: &str| text.chars().skip(1).collect::<String>();
    match literal.chars().next() {
        None => false,
        Some(BLANK) => {
            let literal = rest(literal);
            let mut behind = rest(text);
            if expected == BLANK {
                return begins(&literal, &behind);
            }
            let longest = text.find(' ').unwrap_or(text.len());
            (1..=text[..longest].chars().count()).any(|_| {
                let found = begins(&literal, &behind);
                behind = rest(&behind);
                found
            })
        }
        Some(c) => c == expected && begins(&rest(literal), &rest(text)),
    }
}

/// The string literals of the library, with a blank for what is filled in.
fn literals() -> Vec<String> {
    let mut literals = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder).expect("src can be listed") {
            let path = item.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                literals.extend(literals_of(&fs::read_to_string(&path).expect("source is text")));
            }
        }
    }
    literals
}

pub fn literals_of(source: &str) -> Vec<String> {
    // Tests quote messages too, and would vouch for one that no longer exists.
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut literals = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next().is_some_and(|c| c != '\n') {},
            // The one character literal that would confuse.
            '\'' if chars.peek() == Some(&'"') => drop(chars.next()),
            '"' => {
                let mut literal = String::new();
                while let Some(c) = chars.next().filter(|&c| c != '"') {
                    match c {
                        '\\' if chars.peek() == Some(&'\n') => {
                            while chars.next_if(|c| c.is_whitespace()).is_some() {}
                        }
                        '\\' => literal.extend(chars.next()),
                        // JSON has a quote behind it.
                        '{' if chars.peek() == Some(&'\\') => literal.push('{'),
                        '{' if chars.next_if_eq(&'{').is_none() => {
                            while chars.next().is_some_and(|c| c != '}') {}
                            literal.push(BLANK);
                        }
                        c => literal.push(c),
                    }
                }
                literals.push(literal);
            }
            _ => {}
        }
    }
    literals
}

#[test]
fn every_message_on_the_pages_is_one_that_the_program_gives() {
    let literals = literals();
    for name in [NETFILTERD, DROP_IPS] {
        let page = page(name);
        let diagnostics = items(under(&page, ".Sh DIAGNOSTICS"));
        assert!(diagnostics.len() > 10);
        for (head, _) in diagnostics {
            let message = message(head);
            let message = without_lead(&message).trim_end_matches(BLANK);
            assert!(message.len() > 10, "{head} says too little to look for");
            assert!(
                literals.iter().any(|literal| begins(without_lead(literal), message)),
                "{name}: {message:?} is no message of the program"
            );
        }
    }
}

#[test]
fn every_reason_for_a_rejection_is_on_the_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/list/parse_error.rs");
    let source = fs::read_to_string(path).expect("source is text");
    let reasons = source.split_once("impl fmt::Display for Reason").expect("reasons are shown").1;
    let reasons = literals_of(reasons.split_once("\n}\n").expect("it ends").0);
    assert!(reasons.len() > 10);
    let page = page(DROP_IPS);
    let messages: Vec<String> =
        items(under(&page, ".Sh DIAGNOSTICS")).iter().map(|(head, _)| message(head)).collect();
    for reason in &reasons {
        assert!(
            messages.iter().any(|message| begins(reason, message)),
            "{reason:?} is not on the page"
        );
    }
}

#[test]
#[ignore = "needs mandoc"]
fn mandoc_finds_no_fault_in_the_pages() {
    for name in [NETFILTERD, DROP_IPS] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(name);
        match Process::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(&path).output() {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                assert_eq!(String::from_utf8_lossy(&said), "");
            }
            Err(error) => panic!("mandoc: {error}"),
        }
    }
}
