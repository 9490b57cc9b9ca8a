//! A load that is killed or told to stop somewhere on its way: what is in force is the old list or
//! the new one, as a whole.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use kit::crowd::{FOREIGN, TABLE, hosts, in_force};
use kit::*;

const LAYOUTS: [&[&str]; 4] = [&[], &["--layout", "interval"], &["--layout", "hash"], FOREIGN];

/// Has a load killed again and again, by what `load` makes of the namespace, the round and the
/// arguments. How often the old list was in force afterwards, and how often the new one.
fn killed(
    options: &[&str],
    rounds: u32,
    load: impl Fn(&Namespace, u32, Vec<String>) -> bool,
) -> [u32; 2] {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.nft(TABLE);
    let texts = [hosts(1000, 1), hosts(1000, 5)];
    let wanted = texts.clone().map(|text| merged(&text).v4);
    let lists = [folder.file("one", &texts[0]), folder.file("two", &texts[1])];
    let (mut seen, mut killed) = ([0, 0], 0);
    for round in 0..rounds {
        let (old, new) = (round as usize % 2, 1 - round as usize % 2);
        // The start after a kill cleans up: the sets of one row, as there is one family.
        namespace.load(&[&["-f", &lists[old]], options].concat());
        assert_eq!(in_force(&namespace, options), wanted[old], "before round {round}");
        if !options.contains(&"-t") {
            assert_eq!(namespace.generations().len(), 1, "{}", namespace.terse_ruleset());
        }
        let arguments = [&["load", "-q", "-f", &lists[new]], options].concat();
        let arguments = arguments.iter().map(|argument| argument.to_string());
        let arguments = arguments.chain(namespace.state());
        killed += u32::from(load(&namespace, round, arguments.collect()));
        let held = match options.contains(&"-t") {
            true => namespace.elements("ip t", "a"),
            false => namespace.looked_up("drop4"),
        };
        let which = wanted.iter().position(|wanted| *wanted == held);
        let which = which.unwrap_or_else(|| panic!("round {round}: {} networks", held.len()));
        seen[usize::from(which == new)] += 1;
    }
    println!("{options:?}: {seen:?} old and new; {killed} of {rounds} were killed");
    assert!(killed > 0, "all of them ended by themselves");
    seen
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_that_is_killed_at_any_moment_leaves_the_old_list_or_the_new_one() {
    for options in LAYOUTS {
        let length = std::cell::Cell::new(Duration::from_millis(1));
        killed(options, 100, |namespace, round, arguments| {
            let begin = Instant::now();
            let mut child = namespace.command(program()).args(arguments).spawn().unwrap();
            let name = format!("/proc/{}/comm", child.id());
            while fs::read_to_string(&name).is_ok_and(|name| name != "netfilterd\n") {}
            let start = begin.elapsed();
            // The first is let through, to know how long it takes.
            if round > 0 {
                // Spread evenly and in no order.
                thread::sleep(length.get() * (round * 37 % 100) / 100);
                let _ = child.kill();
            }
            let status = child.wait().unwrap();
            if status.success() {
                length.set(begin.elapsed().saturating_sub(start));
            }
            status.code().is_none()
        });
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_that_is_killed_before_any_of_its_messages_leaves_the_old_list_or_the_new_one() {
    needs(&["strace"]);
    for options in LAYOUTS {
        let [old, new] = killed(options, 20, |namespace, round, arguments| {
            let mut strace = namespace.command("strace");
            let fault = format!("inject=sendto:signal=KILL:when={}", round + 1);
            strace.args(["-qq", "-o", "/dev/null", "-e", &fault, program()]);
            strace.args(arguments).output().unwrap().status.code() != Some(0)
        });
        assert!(old > 0 && new > 0, "{old} and {new}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_that_is_told_to_stop_during_a_reload_leaves_one_of_the_lists_whole() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", hosts(1000, 1));
    for signal in ["TERM", "INT"] {
        folder.file("list", hosts(1000, 1));
        let daemon = Daemon::start(&namespace, &["-v", "-f", &list]);
        folder.file("list", hosts(2000, 5));
        daemon.signal("HUP");
        daemon.wait_for_line(&["debug: ", "2,000"], 1);
        assert_eq!(daemon.end(signal), 0);
        let held = namespace.managed("drop4");
        let wanted = [hosts(1000, 1), hosts(2000, 5)].map(|text| merged(&text).v4);
        assert!(wanted.contains(&held), "{} networks", held.len());
        assert_eq!(namespace.generations().len(), 1, "nothing is left over");
    }
}
