//! What is never dropped and what is not loaded, as the commands say it: they run in a namespace of
//! their own, since what is protected depends on the addresses that there are.

use std::fs;

use kit::*;
use netfilterd::policy::protect::Why;

/// A namespace with addresses and routes, and no wire.
fn furnished() -> Namespace {
    let namespace = Namespace::new();
    namespace.ip("link add d0 type veth peer name d1");
    namespace.ip("link set d1 up");
    namespace.ip("addr add 10.77.0.2/24 dev d0");
    namespace.ip("addr add fd77::2/64 dev d0 nodad");
    namespace.ip("link set d0 up");
    namespace.ip("route add default via 10.77.0.1");
    namespace.ip("-6 route add default via fd77::1");
    namespace
}

#[test]
#[ignore = "needs root: network namespaces"]
fn test_says_what_keeps_a_listed_address_from_being_dropped() {
    let (namespace, folder) = (furnished(), Folder::new());
    let list = folder.file("list", "10.77.0.0/25\n198.51.100.7\n0.0.0.0/0\n");
    let allow = folder.file("allow", "# friends\n198.51.100.8/29\n");
    let too_wide = ("0.0.0.0/0", "LIST:3");
    // What drops an address, or why it is not dropped though it is listed; and the entries that name
    // it, with their lines.
    for (options, address, spared, entries) in [
        (&[][..], "10.77.0.3", None, vec![("10.77.0.0/25", "LIST:1"), too_wide]),
        (
            &[],
            "10.77.0.2",
            Some(format!("10.77.0.2 ({})", Why::Own)),
            vec![("10.77.0.0/25", "LIST:1"), too_wide],
        ),
        (
            &["-m", "24"],
            "198.51.100.9",
            Some("198.51.100.8/29 (ALLOW:2)".to_string()),
            vec![("198.51.100.7/32", "LIST:2"), too_wide],
        ),
        (&["-m", "24"], "198.51.100.1", None, vec![("198.51.100.7/32", "LIST:2"), too_wide]),
        (&[], "203.0.113.1", None, vec![too_wide]),
        // Listed by nobody, allowed by somebody.
        (
            &["--no-protect", "--widest", "0"],
            "198.51.100.9",
            Some("198.51.100.8/29 (ALLOW:2)".to_string()),
            vec![too_wide],
        ),
        (&["--no-protect"], "10.77.0.2", None, vec![("10.77.0.0/25", "LIST:1"), too_wide]),
    ] {
        let arguments = ["test", "-f", &list, "-a", &allow, address];
        let arguments = [&arguments[..], options].concat();
        let json = namespace.netfilterd(&[&arguments[..], &["--json"]].concat()).json();
        let answer = &json[0];
        let plain = |text: &str| text.replace(&list, "LIST").replace(&allow, "ALLOW");
        let why = answer["spared"].as_str().map(plain);
        match (&why, &spared) {
            (Some(why), Some(spared)) => assert_names(why, &[spared]),
            _ => assert_eq!(why, spared, "{options:?}"),
        }
        let found = answer["entries"].as_array().unwrap().iter().map(|entry| {
            let place = format!("{}:{}", plain(entry["list"].as_str().unwrap()), entry["line"]);
            (entry["entry"].as_str().unwrap().to_string(), place, entry["too_wide"] == true)
        });
        // Protection is off where the width is no matter.
        let wide = !options.contains(&"--no-protect");
        let wanted = entries.iter().map(|&(entry, place)| {
            (entry.to_string(), place.to_string(), (entry, place) == too_wide && wide)
        });
        assert!(found.eq(wanted), "{options:?}: {answer:#}");
        let dropped = spared.is_none() && !(entries == [too_wide] && wide);
        assert_eq!(answer["dropped"], dropped, "{options:?}: {answer:#}");
        assert_eq!(answer["entries"][0]["widened"], options.contains(&"-m"), "{answer:#}");
        // The same in words, an entry a line.
        let ran = namespace.netfilterd(&arguments);
        assert_eq!(ran.status(), i32::from(!dropped), "{address}: {}", ran.stdout());
        let said = plain(&ran.stdout());
        for ((entry, place), line) in entries.iter().zip(said.lines()) {
            assert_names(line, &[&format!("{address}: "), entry, place]);
            if let Some(spared) = spared.as_ref().filter(|_| (*entry, *place) != too_wide) {
                assert_names(line, &[spared]);
            }
        }
    }
    let nothing = ["test", "-f", &folder.file("none", "192.0.2.1\n"), "-a", &allow, "198.51.100.9"];
    let ran = namespace.netfilterd(&nothing);
    assert_eq!((ran.status(), ran.stdout().lines().count()), (1, 1), "{}", ran.stdout());
    let json = namespace.netfilterd(&[&nothing[..], &["--json"]].concat()).json();
    assert_eq!(json[0]["entries"], serde_json::json!([]));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn check_says_what_is_protected_and_allowed_and_what_that_cut() {
    let (namespace, folder) = (furnished(), Folder::new());
    let list = folder.file("list", "10.77.0.0/30\nfd77::/65\n198.51.100.0/24\n203.0.113.0/24\nx\n");
    let allow = folder.file("allow", "198.51.100.0/25\n203.0.113.4\n");
    let ran = namespace.netfilterd(&["check", "-f", &list, "-a", &allow]);
    ran.expect(0, &[]);
    let item = |address: &str, why: Why| format!("{address} ({why})");
    for (entry, cut_by) in [
        ("list:1: 10.77.0.0/30", item("10.77.0.2", Why::Own)),
        ("list:1: 10.77.0.0/30", item("10.77.0.1", Why::Gateway)),
        ("list:2: fd77::/65", item("fd77::2", Why::Own)),
        ("list:3: 198.51.100.0/24", format!("198.51.100.0/25 ({allow}:1)")),
        ("list:4: 203.0.113.0/24", format!("203.0.113.4/32 ({allow}:2)")),
    ] {
        assert_line_names(&ran.stderr(), &[entry, &cut_by]);
    }
    let stdout = ran.stdout();
    for names in [
        &["/list: ", "4 entries", "1 line"][..],
        &["/allow: ", "2 entries", "0 lines"],
        &[&item("127.0.0.0/8", Why::Loopback), "0 networks"],
        &[&item("10.77.0.2", Why::Own), "1 network"],
        &[&item("fd77::1", Why::Gateway), "1 network"],
        &["1 of 5"],
        &["--min-entries 1"],
        &["IPv4", "0.01%"],
        &["--max-shrink 50"],
    ] {
        assert_line_names(&stdout, names);
    }
    // What was cut altogether.
    for cut in [": 2 networks", ": 4 networks"] {
        assert!(stdout.lines().any(|line| line.ends_with(cut)), "{stdout}");
    }
    let ran = namespace.netfilterd(&["check", "-f", &list, "--no-protect"]);
    ran.expect(0, &["--no-protect"]);
    let protected = |line: &str| line.contains(&item("127.0.0.0/8", Why::Loopback));
    assert!(stdout.lines().any(protected) && !ran.stdout().lines().any(protected));
    assert!(ran.stdout().ends_with(": +4 -0\n"), "{}", ran.stdout());
    assert_names(&ran.stdout(), &["4 networks (v4 3, v6 1)"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn check_says_what_a_guard_refuses_and_exits_with_3() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let wide: String = (0..=255).map(|first| format!("{first}.0.0.0/8\n")).collect();
    let wide = folder.file("wide", wide);
    let page = folder.file("page", "example.com\nexample.net\n192.0.2.1\n");
    let everything = folder.file("everything", "0.0.0.0/0\n");
    for (options, status, names) in [
        (&["-f", &wide][..], 3, &["error: ", "/wide: ", "99.61% of IPv4"][..]),
        (&["-f", &wide, "--force"], 0, &[]),
        (&["-f", &page], 3, &["error: ", "/page: ", "2 of 3"]),
        (&["-f", &page, "--strict", "--force"], 3, &["error: ", "/page: ", "2 lines", "--strict"]),
        (&["-f", &everything], 3, &["everything:1: 0.0.0.0/0", "/8", "--widest"]),
        (&["-f", &everything, "--widest", "0"], 3, &["error: ", "% of IPv4"]),
        (&["-f", &everything, "--no-protect"], 3, &["error: ", "100.00% of IPv4"]),
    ] {
        let ran = namespace.netfilterd(&[&["check"], options].concat());
        ran.expect(status, &[]);
        assert_line_names(&ran.stderr(), if names.is_empty() { &["netfilterd"] } else { names });
        assert_eq!(ran.stderr().contains("error: "), status != 0, "{options:?}: {}", ran.stderr());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_allowlist_that_cannot_be_trusted_refuses_everything() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n");
    let gone = folder.path().join("gone");
    for (allow, status, said) in [
        (gone.to_str().unwrap().to_string(), 1, "gone: "),
        (folder.file("page", "<html>\n"), 1, "page: "),
        (folder.file("half", "192.0.2.1\nx\ny\n"), 3, "half:2:1: "),
        (folder.file("comments", "# soon\n"), 3, "comments"),
        (folder.file("empty", ""), 0, ""),
        (folder.file("other", "198.51.100.1\n"), 0, ""),
    ] {
        for command in ["check", "print", "test"] {
            let address = if command == "test" { &["192.0.2.9"][..] } else { &[] };
            let arguments = [command, "-f", &list, "-a", &allow, "--skip-missing"];
            let ran = namespace.netfilterd(&[&arguments[..], address].concat());
            ran.expect(status, &[said]);
            assert_eq!(ran.stdout().is_empty(), status != 0, "{command} {allow}");
        }
        let forced = namespace.netfilterd(&["load", "-f", &list, "-a", &allow, "--force"]);
        forced.expect(status, &[said]);
        assert_eq!(namespace.ruleset().is_empty(), status != 0, "{allow}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_allowlist_is_not_widened_and_cuts_both_families_after_widening() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n2001:db8::1\n");
    let allow = folder.file("allow", "192.0.2.128/25\n192.0.2.4\n2001:db8::8000:0:0:0/65\n");
    let arguments = ["print", "-f", &list, "-a", &allow, "-m", "24", "--mask6", "64"];
    assert_eq!(
        namespace.netfilterd(&arguments).stdout(),
        "192.0.2.0/30\n192.0.2.5/32\n192.0.2.6/31\n192.0.2.8/29\n192.0.2.16/28\n192.0.2.32/27\n\
         192.0.2.64/26\n2001:db8::/65\n"
    );
    // A directory of them, and a second one.
    let lists = folder.path().join("allow.d");
    fs::create_dir(&lists).unwrap();
    fs::write(lists.join("a"), "192.0.2.0/25\n").unwrap();
    let more = [&arguments[..], &["-a", lists.to_str().unwrap()]].concat();
    assert_eq!(namespace.netfilterd(&more).stdout(), "2001:db8::/65\n");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_nothing_can_be_found_out_about_the_host_nothing_is_loaded() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n");
    let check = |options: &[&str]| {
        let mut command = namespace.command("strace");
        command.args(["-qq", "-o", "/dev/null", "-e", "inject=socket:error=EAFNOSUPPORT"]);
        command.args([program(), "check", "-f", &list]).args(options).args(namespace.state());
        run(&mut command)
    };
    check(&[]).expect(1, &["Address family not supported", "--no-protect"]);
    check(&["--no-protect"]).expect(0, &[]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_a_table_does_not_see_is_not_said_to_be_cut() {
    let (namespace, folder) = (furnished(), Folder::new());
    let list = folder.file("list", "fd77::/64\n10.77.0.0/25\n");
    let ran = namespace.netfilterd(&["check", "-f", &list, "-t", "ip t"]);
    assert_line_names(&ran.stderr(), &["list:2: 10.77.0.0/25", "10.77.0.2"]);
    ran.expect(0, &["IPv6: 1 network"]);
    assert!(!ran.stderr().contains("list:1"), "{}", ran.stderr());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_that_does_not_exist_can_be_done_without_and_one_that_cannot_be_read_cannot() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n");
    let gone = folder.path().join("gone").to_str().unwrap().to_string();
    let lists = folder.path().join("lists");
    fs::create_dir(&lists).unwrap();
    std::os::unix::fs::symlink("nowhere", lists.join("a")).unwrap();
    fs::write(lists.join("b"), "192.0.2.2\n").unwrap();
    let lists = lists.to_str().unwrap();
    let print = |options: &[&str]| namespace.netfilterd(&[&["print"], options].concat());
    print(&["-f", &gone, "-f", &list]).expect(1, &["gone: ", "No such file"]);
    let ran = print(&["-f", &gone, "-f", &list, "-f", lists, "--skip-missing"]);
    ran.expect(0, &["gone: ", "lists/a: ", "--skip-missing"]);
    assert_eq!(ran.stdout(), "192.0.2.1/32\n192.0.2.2/32\n");
    print(&["-f", &gone, "--skip-missing"]).expect(1, &["error: "]);
    let under = format!("{list}/under");
    print(&["-f", &under, "-f", &list, "--skip-missing"]).expect(1, &["Not a directory"]);
    let page = folder.file("page", "<html>\n");
    print(&["-f", &page, "-f", &list, "--skip-missing"]).expect(1, &["page: "]);
}
