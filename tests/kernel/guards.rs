//! Guards, where a load follows another of the same process or of the one before.

use kit::*;
use netfilterd::list::End;

/// Every second address from 198.51.0.0 on.
fn hosts(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|host| std::net::Ipv4Addr::from(0xc633_0000 + 2 * host).to_string()).collect()
}

fn list(hosts: &[String]) -> String {
    hosts.iter().map(|host| format!("{host}\n")).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn entries_that_have_expired_do_not_keep_the_next_list_out() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let end = End::now().seconds() + 2;
    let expiring = hosts(0..150).iter().map(|host| format!("{host} until {end}\n")).collect();
    let text = [expiring, list(&hosts(150..200))].concat();
    let path = folder.file("list", &text);
    let options = ["-f", &path, "--state-file", &state];
    namespace.load(&options);
    assert_eq!(namespace.managed("drop4").len(), 200);
    eventually("the end", || End::now().seconds() >= end);
    folder.file("list", text + "203.0.113.7\n");
    let check = namespace.netfilterd(&[&["check"], &options[..]].concat());
    check.expect(0, &[]);
    let passes = "guard --max-shrink 50: 51 networks where 50 were in force: passes\n";
    assert_names(&check.stdout(), &[passes]);
    namespace.load(&options);
    assert_eq!(namespace.managed("drop4").len(), 51);
    // A file that nobody but root may read, since lists may be secret.
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&format!("{state}.ranges")), 0o600);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_with_a_mask_after_one_without_is_no_loss_and_back_again() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let path = folder.file("list", list(&hosts(0..300)));
    let options = ["-f", &path, "--state-file", &state];
    for mask in [&[][..], &["--mask", "24"], &[], &["--mask", "16"], &["--mask", "24"]] {
        namespace.load(&[&options[..], mask].concat());
    }
    folder.file("list", list(&hosts(0..2)));
    namespace.netfilterd(&[&["load"], &options[..]].concat()).expect(0, &[]);
    let path = folder.file("list", list(&hosts(0..300)));
    let options = ["-f", &path, "--state-file", &state];
    namespace.load(&options);
    folder.file("list", list(&hosts(0..64)));
    let wide = [&["load"], &options[..], &["--mask", "24"]].concat();
    namespace.netfilterd(&wide).expect(3, &["1 network where 300 were in force (-99%)"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn one_empty_list_among_several_is_refused_by_its_name_wherever_it_is_read() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let (few, many) = (hosts(0..101), hosts(200..326));
    let a = folder.file("feed", list(&few));
    let b = folder.file("other", list(&many));
    let options = ["-f", &a, "-f", &b, "--state-file", &state];
    namespace.load(&options);
    assert_eq!(namespace.managed("drop4").len(), 227);
    folder.file("feed", "");
    let said = format!("{a}: 0 entries where the list held 101 before (-100%); refused by");
    let names = [&said, "--max-shrink 50", "(--force permits it)"];
    for command in ["load", "check"] {
        namespace.netfilterd(&[&[command], &options[..]].concat()).expect(3, &names);
    }
    // A daemon goes on with what is in force.
    let daemon = Daemon::start_anyhow(&namespace, &options);
    assert_names(daemon.wait_for_failures(1)["line"].as_str().unwrap(), &names);
    drop(daemon);
    assert_eq!(namespace.managed("drop4").len(), 227);
    folder.file("feed", list(&few));
    let daemon = Daemon::start(&namespace, &options);
    folder.file("feed", "# nothing\n");
    daemon.signal("HUP");
    let failure = daemon.wait_for_failures(1);
    let cure = "(correct the lists, or restart the daemon with --force)";
    assert_names(failure["line"].as_str().unwrap(), &[&said, cure]);
    assert_eq!(namespace.managed("drop4").len(), 227);
    // A list that is not named any more is gone on purpose.
    drop(daemon);
    namespace.load(&["-f", &b, "--state-file", &state]);
    assert_eq!(namespace.managed("drop4").len(), 126);
    namespace.load(&["-f", "/dev/null", "--min-entries", "0", "--state-file", &state]);
    assert_eq!(namespace.managed("drop4").len(), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_large_list_that_changes_often_is_remembered_once_in_a_while_and_at_the_end() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let (state, ranges) = (path("state"), path("state.ranges"));
    let list_of = |count| folder.file("list", list(&hosts(0..count)));
    let options = ["-f", &list_of(10_001), "--state-file", &state];
    let daemon = Daemon::start(&namespace, &options);
    eventually("it is written", || std::fs::exists(&ranges).unwrap());
    let first = std::fs::read(&ranges).unwrap();
    list_of(10_002);
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    // Another event, so that the load was reported and whatever follows it was done.
    daemon.signal("USR1");
    daemon.wait_for("since", 1);
    assert!(std::fs::read(&ranges).unwrap() == first);
    assert_eq!(daemon.end("TERM"), 0);
    let last = std::fs::read(&ranges).unwrap();
    assert_eq!(last.len(), first.len() + 8, "one more network");
    // A short list is written at once.
    list_of(9_000);
    let daemon = Daemon::start(&namespace, &options);
    eventually("it is written", || std::fs::read(&ranges).unwrap().len() < last.len());
    list_of(8_999);
    daemon.signal("HUP");
    eventually("it is written again", || {
        std::fs::read(&ranges).unwrap().len() == last.len() - 1003 * 8
    });
    // A load that changes nothing writes nothing.
    assert_eq!(daemon.end("TERM"), 0);
    let time = |path: &str| std::fs::metadata(path).unwrap().modified().unwrap();
    let before = (time(&state), time(&ranges));
    namespace.load(&options);
    assert_eq!((time(&state), time(&ranges)), before);
}
