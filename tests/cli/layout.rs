//! `check --verbose` says which layout a load would choose, and why.

use kit::*;

fn layouts(list: &str, options: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    let list = folder.file("list", list);
    let ran = netfilterd(&[&["check", "-f", &list], options].concat());
    ran.expect(0, &[]);
    let lines = ran.stdout();
    let of_layout = lines.lines().filter_map(|line| line.strip_prefix("layout"));
    of_layout.map(str::to_string).collect()
}

/// Hosts, no two of them neighbours.
fn hosts() -> String {
    (0..20_000)
        .map(|at| format!("20.{}.{}.{}\n", at >> 14, at >> 7 & 127, 2 * (at & 127)))
        .collect()
}

#[test]
fn the_layout_of_each_family_is_shown_with_its_cost_and_why() {
    let chosen = layouts(&hosts(), &["-v"]);
    let [v4, v6] = &chosen[..] else { panic!("{chosen:?}") };
    assert!(
        v4.starts_with(" of IPv4: prefilter /16, hash /32: an unlisted packet pays 0."),
        "{v4}"
    );
    assert!(v4.ends_with(" MiB of memory"), "{v4}");
    assert_eq!(v6, " of IPv6: no sets");
    assert!(layouts(&hosts(), &[]).is_empty());
}

#[test]
fn a_layout_that_was_asked_for_is_shown_as_that() {
    let [v4, _] = &layouts("192.0.2.1\n", &["-v", "--layout", "interval"])[..] else { panic!() };
    assert_eq!(v4, " of IPv4: interval, as asked for, 1 KiB of memory");
    let [v4, _] = &layouts(&hosts(), &["-v", "--layout", "hash"])[..] else { panic!() };
    assert!(v4.starts_with(" of IPv4: hash /32, as asked for: an unlisted packet pays 0."), "{v4}");
}

#[test]
fn in_a_table_of_ones_own_there_is_one_layout() {
    let shown = layouts("192.0.2.1\n", &["-v", "-t", "inet filter"]);
    assert_eq!(shown, [": interval, as in every table of your own"]);
}
