//! Packets judged while netfilterd loads again as fast as it can: not one may be misjudged.
//!
//! Packets come over a wire from sources that are listed all the time and from others that never
//! are, while two lists take turns. A table of the test's own counts them by source twice: before
//! netfilterd's rules, where all that arrive are seen, and behind them, where they end. What is
//! seen behind the rules and should have been dropped was let through; what is not seen there and
//! should have been was dropped. A packet that got lost on the wire is seen in neither place.

mod judge;
mod lists;
mod rows;
mod rows_lists;
mod wrong;

use netfilterd::nftables::kernel;

use kit::*;

use crate::script::script;
use crate::upgrade::{OLDER_CHAINS, older_sets};
use judge::*;
use lists::*;

/// The ways of laying out the managed table.
const LAYOUTS: &[&[&str]] = &[&["--layout", "interval"], &["--layout", "hash"]];

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_the_managed_table_is_rebuilt() {
    for layout in layouts() {
        never_misjudges("managed table", "", layout, Change::Complete);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_a_little_changes_in_the_managed_table() {
    for layout in layouts() {
        never_misjudges("managed table", "", layout, Change::Small);
    }
}

/// Each time the table of an older version is in force alone, with one of the lists; then a load of the
/// other one replaces it.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_the_table_of_an_older_version_is_replaced() {
    let _alone = alone();
    let wire = wire_of_probes(&probes());
    let lists = Lists::new(&both(Change::Complete));
    let scripts = both(Change::Complete).map(|list| {
        let sets = parsed(list);
        let v4 = sets.v4.ranges().iter().map(|it| it.network_or_range().to_string());
        let v6 = sets.v6.ranges().iter().map(|it| it.network_or_range().to_string());
        (v4.collect::<Vec<_>>().join(", "), v6.collect::<Vec<_>>().join(", "))
    });
    let mut turn = 0;
    let mut replace = || {
        // As the versions did it: filled first, looked up after that.
        let (v4, v6) = &scripts[turn % 2];
        wire.inside.nft(&older_sets(v4, v6));
        wire.inside.nft(OLDER_CHAINS);
        if turn > 0 {
            wire.inside.nft("delete table ip netfilterd; delete table ip6 netfilterd");
        }
        turn += 1;
        lists.put(turn % 2);
        wire.inside.load(&["-f", lists.path(), "--no-protect", "--force"]);
    };
    replace();
    let outcome = measure(&wire, &probes(), Share::all(), replace);
    println!("an older table is replaced: {}", outcome.summary());
    let wrong = outcome.misjudgements(|_| true);
    assert_eq!(wrong, "", "misjudged were\n{wrong}");
}

/// Somebody else's table, with the rules that netfilterd leaves to them.
const FOREIGN: &str = "table inet t {
    set a { type ipv4_addr; flags interval; }
    set b { type ipv6_addr; flags interval; }
    chain c {
        type filter hook prerouting priority raw;
        ip saddr @a drop
        ip6 saddr @b drop
    }
}";

const INTO_FOREIGN: &[&str] = &["--table", "inet t", "--set4", "a", "--set6", "b"];

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_the_sets_of_a_foreign_table_are_replaced() {
    never_misjudges("foreign table", FOREIGN, INTO_FOREIGN, Change::Complete);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_a_little_changes_in_a_foreign_table() {
    never_misjudges("foreign table", FOREIGN, INTO_FOREIGN, Change::Small);
}

/// A script with rules replaces its sets and rules in one transaction, and it has no interval set.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_scripts_with_rules_take_turns() {
    for (options, change) in [(&[][..], Change::Complete), (&["--table", "inet t"], Change::Small)]
    {
        let _alone = alone();
        let wire = wire_of_probes(&probes());
        let scripts = both(change).map(|list| script(&wire, &list, options));
        wire.inside.nft(&scripts[0]);
        let mut turn = 0;
        let outcome = measure(&wire, &probes(), Share::all(), || {
            turn += 1;
            wire.inside.nft(&scripts[turn % 2]);
        });
        println!("script, {options:?}, {change:?} change: {}", outcome.summary());
        let wrong = outcome.misjudgements(|_| true);
        assert_eq!(wrong, "", "{options:?}, {change:?} change: misjudged were\n{wrong}");
    }
}

/// The layouts, as options; a netfilterd that has no such option has one layout.
fn layouts() -> &'static [&'static [&'static str]] {
    let known = netfilterd(&["load", "--help"]).stdout().contains("--layout");
    if known { LAYOUTS } else { &[&[]] }
}

/// Runs a daemon with `options` beside the tables of `ruleset`, lets the two lists of `change`
/// take turns, and judges the judge.
#[track_caller]
fn never_misjudges(what: &str, ruleset: &str, options: &[&str], change: Change) {
    let _alone = alone();
    let wire = wire_of_probes(&probes());
    wire.inside.nft(ruleset);
    let lists = Lists::new(&both(change));
    let daemon = Daemon::start(&wire.inside, &[&["-f", lists.path()], options].concat());
    let mut loads = 1;
    let outcome = measure(&wire, &probes(), Share::all(), || {
        lists.put(loads as usize % 2);
        daemon.signal("HUP");
        loads += 1;
        daemon.wait_for_loads(loads);
    });
    let what = format!("{}, {change:?} change", [&[what], options].concat().join(" "));
    println!("{what}: {}", outcome.summary());
    let wrong = outcome.misjudgements(|probe| !excused(probe, ruleset));
    assert_eq!(wrong, "", "{what}: misjudged were\n{wrong}");
    print!("{}", outcome.misjudgements(|probe| excused(probe, ruleset)));
}

/// Whether it is known that packets from a probe are misjudged: in somebody else's table there is
/// nothing to fill and to switch to, and older kernels cannot change a range unseen.
fn excused(probe: &Probe, ruleset: &str) -> bool {
    let stays = [Plot::Network, Plot::Host].iter().any(|plot| probe.what == format!("{plot:?}"));
    !stays && !ruleset.is_empty() && !kernel::changes_ranges_safely()
}
