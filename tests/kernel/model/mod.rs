//! Random sequences of what happens to a netfilterd, each step held against a model that is too simple
//! to be wrong: what nft says and what packets meet is what the lists ask for by now.
//!
//! The steps are new lists and allowlists, entries that end, own addresses, broken lists, other
//! options, and other programs that take something away. NETFILTERD_MODEL_STEPS says how many there
//! are in each test, NETFILTERD_MODEL_SEED repeats a run: a failure tells its seed and its steps.

mod kernel;
mod lists;
mod run;

use std::thread;
use std::time::Duration;

use kit::*;
use lists::*;
use run::*;
use serde_json::Value;

/// Steps of each test.
const STEPS: u64 = 60;

fn steps() -> u64 {
    variable("NETFILTERD_MODEL_STEPS").unwrap_or(STEPS)
}

/// A daemon, and how often it has loaded its lists.
struct Running {
    daemon: Daemon,
    loads: u64,
    repairs: bool,
}

impl Running {
    fn start(run: &mut Run) -> Self {
        let repairs = !run.random.is(4);
        let mut arguments = run.arguments();
        arguments.push("-v".into());
        arguments.extend((!repairs).then(|| "--no-repair".to_string()));
        run.note(if repairs { "a daemon" } else { "a daemon that does not repair" });
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = run.wire.inside.command(program());
        let daemon = Daemon::spawn(command.args(arguments).args(run.wire.inside.files()));
        let mut running = Running { daemon, loads: 0, repairs };
        running.wait_for_load();
        running
    }

    /// Waits until the lists have been loaded once more.
    fn wait_for_load(&mut self) {
        self.loads += 1;
        self.daemon.wait_for_loads(self.loads);
    }

    fn repaired(&self) -> u64 {
        self.daemon.status()["repairs"]["count"].as_u64().unwrap()
    }

    /// Waits until there was one repair more than so many, or something else is in force than what
    /// was: where an entry ends just then, that repairs all of it.
    fn wait_for_repair(&self, repairs: u64, was: &Value) {
        self.daemon.wait_for_status(|status| {
            status["repairs"]["count"].as_u64() > Some(repairs) || status["loaded"] != *was
        });
    }

    fn reload(&mut self) {
        self.daemon.signal("HUP");
        self.wait_for_load();
    }
}

/// A list that cannot be read changes nothing.
fn break_list(run: &mut Run, running: &mut Running) {
    let broken = run.random.pick(&["<html>error</html>\n", "nothing of this\n", "\0\0\0\0"]);
    run.note(format!("a broken list: {broken:?}"));
    run.folder.file("list", broken);
    let totals = &running.daemon.status()["totals"];
    let kept = totals["failures"].as_u64().unwrap() + totals["refusals"].as_u64().unwrap();
    running.daemon.signal("HUP");
    running.daemon.wait_for_failures(kept + 1);
    run.check(false);
    run.write();
}

fn daemon_is_as_the_model_says(table: Table) {
    let mut run = Run::new(table);
    let mut running = Running::start(&mut run);
    run.check(false);
    // Who keeps at it is met with pauses, so few repairs are waited for.
    let mut waited = 0;
    for step in 1..=steps() {
        // Each layout has its turn.
        let what = if step % 12 == 0 { 0 } else { run.random.below(20) };
        match what {
            0 => {
                assert_eq!(running.daemon.end("TERM"), 0);
                run.new_options();
                run.change_files();
                running = Running::start(&mut run);
                waited = 0;
                run.check(false);
            }
            1..6 => {
                let repairs = running.repaired();
                let touched = run.interfere();
                let was = running.daemon.status()["loaded"].take();
                if touched && running.repairs && waited == 0 && run.random.is(2) {
                    waited += 1;
                    running.wait_for_repair(repairs, &was);
                    run.check(false);
                } else {
                    if run.random.is(2) {
                        run.change_files();
                    }
                    running.reload();
                    run.check(false);
                }
            }
            6 => {
                break_list(&mut run, &mut running);
            }
            7 | 8 => {
                run.change_own();
                run.check(true);
            }
            9 => {
                let end = now() + 1 + run.random.below(2) as i64;
                let line = Line::new(&mut run.random).until(end);
                run.note(format!("an end: {}", line.text));
                run.model.list.push(line);
                run.write();
                running.reload();
                run.check(false);
            }
            _ => {
                run.change_files();
                running.reload();
                run.check(false);
            }
        }
    }
    // What was to end by now has.
    let ends: Vec<i64> = run.model.list.iter().filter_map(|line| line.end).collect();
    while ends.iter().any(|&end| (now()..now() + 9).contains(&end)) {
        thread::sleep(Duration::from_millis(50));
    }
    run.check(true);
    assert_eq!(running.daemon.end("TERM"), 0);
    if table == Table::Managed && steps() >= STEPS {
        run.check_kinds();
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_keeps_the_managed_table_as_a_naive_model_says() {
    daemon_is_as_the_model_says(Table::Managed);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_keeps_the_sets_of_a_foreign_table_as_a_naive_model_says() {
    daemon_is_as_the_model_says(Table::Foreign);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn each_load_leaves_what_a_naive_model_says_whatever_was_there() {
    let mut run = Run::new(Table::Managed);
    for _ in 0..steps() {
        if run.random.is(2) {
            run.new_options();
        }
        if run.random.is(3) {
            run.change_own();
        }
        let arguments = run.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run.wire.inside.load(&arguments);
        run.check(false);
        if run.random.is(2) {
            run.interfere();
        }
        run.change_files();
    }
    if steps() >= STEPS {
        run.check_kinds();
    }
}
