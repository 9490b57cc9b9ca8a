//! Commands that end: loads, which change what is in force, and those that only look at it.

use std::path::Path;
use std::process::{Command, Output};

use kit::{Folder, program};

use crate::matrix::{After, Fault, Matrix, Sample};
use crate::messages;
use crate::site::{self, Kind, Site};
use crate::trace::{self, Calls};

/// The lists that take turns: of each family a network that both have, and others.
pub fn list(number: usize) -> String {
    // Each has another number of networks.
    let hosts = (0..20 + number)
        .map(|i| format!("192.0.2.{}\n2001:db8:{number:x}::{i:x}\n", i * 4 + number % 4));
    format!("198.51.100.0/24\n2001:db8:ffff::/48\n{}", hosts.collect::<String>())
}

/// netfilterd, with what the namespace of the process has; the machine's sessions are none of its own.
pub fn netfilterd(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env("SSH_CONNECTION", "");
    command
}

/// Runs netfilterd under strace, which writes to `log`.
fn traced(fault: Option<&Fault>, log: &Path, arguments: &[&str]) -> Output {
    let mut strace = Command::new("strace");
    strace.args(trace::arguments(fault, log, false)).arg(program()).args(arguments);
    strace.env("SSH_CONNECTION", "").output().unwrap()
}

/// Gives nft a script.
pub fn nft(script: &str) {
    let output = Command::new("nft").args(script.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Loads that take turns: each with a fault, and then one without.
struct Loads<'a> {
    site: &'a Site<'a>,
    options: &'static [&'static str],
    /// Whether each begins where nothing is in force.
    anew: bool,
    lists: [String; 2],
    state: String,
    /// The list that is in force.
    turn: usize,
}

impl Loads<'_> {
    fn arguments(&self, number: usize) -> Vec<&str> {
        let files = ["load", "-f", &self.lists[number], "--state-file", &self.state];
        [&files, self.options, self.site.options()].concat()
    }

    /// A load without a fault, after which its list is in force.
    fn heal(&mut self, number: usize) -> Result<(), String> {
        let output = netfilterd(&self.arguments(number)).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("the next load ended with {}: {stderr}", output.status));
        }
        let found = self.site.table()?;
        if found.networks != self.site.wanted(&list(number)) || !found.left_over.is_empty() {
            return Err(format!("after the next load {found:?}: {stderr}"));
        }
        self.turn = number;
        if !self.anew {
            self.site.begin();
        }
        Ok(())
    }

    /// What is in force before a load.
    fn before(&mut self) -> Vec<String> {
        if !self.anew {
            return self.site.wanted(&list(self.turn));
        }
        self.site.prepare();
        let _ = std::fs::remove_file(&self.state);
        Vec::new()
    }

    fn inject(&mut self, fault: &Fault) -> Result<After, String> {
        let old = self.before();
        let new = 1 - self.turn;
        let folder = Folder::new();
        let log = folder.path().join("trace");
        let output = traced(Some(fault), &log, &self.arguments(new));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let found = self.site.in_force();
        let healed = self.heal(new);
        let after = match found.map_err(|why| format!("{why}: {stderr}"))? {
            found if found == self.site.wanted(&list(new)) => After::New,
            found if found == old => After::Old,
            found => return Err(format!("neither list is in force: {found:?}: {stderr}")),
        };
        let status = output.status.code();
        let said = messages::last(&stderr);
        match (after, status) {
            (After::New, Some(0)) | (After::Old, Some(1 | 3)) => {}
            // Nothing answers any more, and it says so.
            (After::New, Some(1)) if fault.lasts && said.contains("it is not known") => {}
            _ => return Err(format!("{after:?} is in force, status {}: {said}", output.status)),
        }
        // What cannot be written is not there.
        if fault.call != "write" {
            let says_new = stderr.contains("netfilterd: loaded ");
            let is_true = match status {
                Some(0) => says_new,
                _ => said.contains("netfilterd: error: ") && !says_new,
            };
            if !is_true {
                return Err(format!("{after:?} is in force, and the messages are {stderr:?}"));
            }
        }
        messages::judge(&stderr)?;
        healed?;
        self.site.judge()?;
        Ok(if trace::was_injected(&log) { after } else { After::NoFault })
    }
}

fn loads(name: &str, kind: Kind, options: &'static [&'static str], anew: bool, sample: Sample) {
    site::at(kind, |site| {
        let folder = site.folder;
        let lists = [0, 1].map(|number| folder.file(&format!("list{number}"), list(number)));
        let state = folder.path().join("state/file").to_str().unwrap().to_string();
        let mut loads = Loads { site, options, anew, lists, state, turn: 0 };
        site.prepare();
        loads.heal(0).unwrap();
        loads.before();
        let log = folder.path().join("trace");
        let output = traced(None, &log, &loads.arguments(1));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let calls = Calls::read(&log, true);
        loads.heal(1).unwrap();
        let matrix = Matrix::new(name, &calls, sample);
        matrix.work(|fault| loads.inject(fault));
        matrix.end();
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_in_which_a_call_fails_leaves_one_of_the_lists_whole() {
    loads("load", Kind::Managed, &[], false, Sample::EachError);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_of_hash_sets_in_which_a_call_fails_leaves_one_of_the_lists_whole() {
    loads("load of hash sets", Kind::Managed, &["--layout", "hash"], false, Sample::EachCall);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_first_load_in_which_a_call_fails_puts_the_list_in_force_or_nothing() {
    loads("first load", Kind::Managed, &[], true, Sample::EachCall);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_into_a_foreign_table_in_which_a_call_fails_leaves_one_of_the_lists_whole() {
    loads("load into a foreign table", Kind::Foreign, &[], false, Sample::EachError);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_first_load_into_a_foreign_table_in_which_a_call_fails_fills_it_or_leaves_it() {
    loads("first load into a foreign table", Kind::Foreign, &[], true, Sample::EachCall);
}

/// A command that only looks: it gives the answer that it gives without a fault, or fails and says why.
fn looks(name: &str, arguments: &[&str]) {
    site::at(Kind::Managed, |site| {
        let folder = site.folder;
        let list = folder.file("list", list(0));
        let state = folder.path().join("state").to_str().unwrap().to_string();
        let files = ["-f", &list];
        let load = ["load", "-q", "--state-file", &state];
        assert!(netfilterd(&[&load[..], &files].concat()).status().unwrap().success());
        let mut arguments = [arguments, &files].concat();
        if arguments[0] == "check" {
            arguments.extend(["--state-file", &state]);
        }
        let log = folder.path().join("trace");
        let whole = traced(None, &log, &arguments);
        assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
        let calls = Calls::read(&log, true);
        let whole_answer = without_age(&String::from_utf8_lossy(&whole.stdout));
        let before = site.table();
        let matrix = Matrix::new(name, &calls, Sample::EachCall);
        matrix.work(|fault| {
            let output = traced(Some(fault), &log, &arguments);
            let stderr = String::from_utf8_lossy(&output.stderr);
            if site.table() != before {
                return Err("it changed what is in force".to_string());
            }
            let answer = String::from_utf8_lossy(&output.stdout);
            let is_whole = without_age(&answer) == whole_answer;
            // What is not known, it says; and what cannot be written is not there.
            let says_why = ["not known", "cannot determine"].iter().any(|why| answer.contains(why))
                || stderr.contains("netfilterd: warning: ");
            match output.status.code() {
                Some(0) if is_whole || says_why || fault.error == "EPIPE" => {}
                Some(1) if fault.call == "write" || stderr.contains(": error: ") => {}
                _ => return Err(format!("{}: {stderr}{answer}", output.status)),
            }
            messages::judge(&stderr)?;
            Ok(if trace::was_injected(&log) { After::Old } else { After::NoFault })
        });
        matrix.end();
    });
}

/// An answer without the age of the list.
fn without_age(answer: &str) -> String {
    let of_line = |line: &str| match line.strip_suffix(" old") {
        Some(line) => line.rsplit_once(", ").unwrap().0.to_string(),
        None => line.to_string(),
    };
    answer.lines().map(of_line).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_check_in_which_a_call_fails_answers_or_says_what_it_does_not_know() {
    looks("check", &["check"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_test_of_addresses_in_which_a_call_fails_answers_or_says_what_it_does_not_know() {
    looks("test", &["test", "192.0.2.4", "2001:db8::1"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_print_in_which_a_call_fails_prints_all_of_it_or_fails() {
    looks("print", &["print"]);
}
