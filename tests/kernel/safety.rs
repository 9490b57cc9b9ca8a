//! What is never dropped and what is not loaded, as the commands say it: they run in a namespace of
//! their own, since what is protected depends on the addresses that there are.

use std::fs;

use kit::*;

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
    let list = folder.file("list", "10.77.0.0/24\n198.51.100.7\n0.0.0.0/0\n");
    let allow = folder.file("allow", "# friends\n198.51.100.8/29\n");
    for (options, address, status, answer) in [
        (&[][..], "10.77.0.3", 0, "10.77.0.3: dropped by 10.77.0.0/24 (LIST:1)\nREST"),
        (
            &[],
            "10.77.0.2",
            1,
            "10.77.0.2: not dropped, protected: 10.77.0.2 (own address); \
             listed by 10.77.0.0/24 (LIST:1)\nREST",
        ),
        (
            &["-m", "24"],
            "198.51.100.9",
            1,
            "198.51.100.9: not dropped, allowed by 198.51.100.8/29 (ALLOW:2); \
             listed by 198.51.100.7/32 (LIST:2, widened)\nREST",
        ),
        (
            &["-m", "24"],
            "198.51.100.1",
            0,
            "198.51.100.1: dropped by 198.51.100.7/32 (LIST:2, widened)\nREST",
        ),
        (&[], "203.0.113.1", 1, "REST"),
        // Listed by nobody, allowed by somebody.
        (
            &["--no-protect", "--widest", "0"],
            "198.51.100.9",
            1,
            "198.51.100.9: not dropped, allowed by 198.51.100.8/29 (ALLOW:2); listed by 0.0.0.0/0 (LIST:3)\n",
        ),
        (
            &["--no-protect"],
            "10.77.0.2",
            0,
            "10.77.0.2: dropped by 10.77.0.0/24 (LIST:1)\n10.77.0.2: dropped by 0.0.0.0/0 (LIST:3)\n",
        ),
    ] {
        let arguments = ["test", "-f", &list, "-a", &allow, address];
        let ran = namespace.netfilterd(&[&arguments[..], options].concat());
        assert_eq!(ran.status(), status, "{address}: {}", ran.stdout());
        let rest =
            format!("{address}: not dropped, 0.0.0.0/0 (LIST:3) is too wide and set aside\n");
        let stdout = of_the_lists(&ran.stdout()).replace(&list, "LIST").replace(&allow, "ALLOW");
        assert_eq!(stdout, answer.replace("REST", &rest), "{options:?}");
    }
    let nothing = ["test", "-f", &folder.file("none", "192.0.2.1\n"), "-a", &allow, "198.51.100.9"];
    assert_eq!(namespace.netfilterd(&nothing).stdout(), "198.51.100.9: not dropped\n");
}

/// The lines of `test` that are about lists, and not about the kernel.
fn of_the_lists(said: &str) -> String {
    let of_lists = |line: &&str| !line.contains(": within ") && !line.contains(" in force");
    said.lines().filter(of_lists).map(|line| format!("{line}\n")).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn check_says_what_is_protected_and_allowed_and_what_that_cut() {
    let (namespace, folder) = (furnished(), Folder::new());
    let list = folder.file("list", "10.77.0.0/30\nfd77::/64\n198.51.100.0/24\n203.0.113.0/24\nx\n");
    let allow = folder.file("allow", "198.51.100.0/25\n203.0.113.4\n");
    let ran = namespace.netfilterd(&["check", "-f", &list, "-a", &allow]);
    ran.expect(
        0,
        &[
            "list:1: 10.77.0.0/30 holds 10.77.0.2 (own address), which is protected",
            "list:1: 10.77.0.0/30 holds 10.77.0.1 (default gateway), which is protected",
            "list:2: fd77::/64 holds fd77::2 (own address), which is protected",
            "list:3: 198.51.100.0/24 is cut by 198.51.100.0/25 (",
            "allow:1), which is allowed",
            "list:4: 203.0.113.0/24 is cut by 203.0.113.4/32 (",
        ],
    );
    let stdout = ran.stdout();
    for line in [
        "list: 4 entries, 1 line rejected, ",
        "allowed: ",
        "allow: 2 entries, 0 lines rejected, ",
        "protected: 127.0.0.0/8 (loopback): 0 networks cut\n",
        "protected: 10.77.0.2 (own address): 1 network cut\n",
        "protected: fd77::1 (default gateway): 1 network cut\n",
        "cut as allowed: 2 networks\n",
        "cut as protected: 4 networks\n",
        "guard half of the lines: 1 of 5 lines rejected: passes\n",
        "guard --min-entries 1: ",
        "guard half of IPv4: 0.01%: passes\n",
        "guard --max-shrink 50: ",
        "where an unknown number are in force: passes\n",
        "would load ",
    ] {
        assert!(stdout.contains(line), "no {line:?} in {stdout}");
    }
    let ran = namespace.netfilterd(&["check", "-f", &list, "--no-protect"]);
    ran.expect(0, &["--no-protect: a list can lock you out of this host"]);
    assert!(!ran.stdout().contains("protected"), "{}", ran.stdout());
    let end = "would load 4 networks (v4 3, v6 1)\nagainst what is in force: +4 -0\n";
    assert!(ran.stdout().ends_with(end), "{}", ran.stdout());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn check_says_what_a_guard_refuses_and_exits_with_3() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let wide: String = (0..=255).map(|first| format!("{first}.0.0.0/8\n")).collect();
    let wide = folder.file("wide", wide);
    let page = folder.file("page", "example.com\nexample.net\n192.0.2.1\n");
    let everything = folder.file("everything", "0.0.0.0/0\n");
    for (options, status, said) in [
        (&["-f", &wide][..], 3, "wide: 99.61% of IPv4; refused, since that is more than half"),
        (&["-f", &wide, "--force"], 0, ""),
        (&["-f", &page], 3, "page: 2 of 3 lines rejected; refused, since that is more than half"),
        (&["-f", &page, "--strict", "--force"], 3, "page: 2 lines rejected; refused by --strict"),
        (
            &["-f", &everything],
            3,
            "everything:1: 0.0.0.0/0 is wider than /8, set aside as a mistake (--widest)",
        ),
        (
            &["-f", &everything, "--widest", "0"],
            3,
            "of IPv4; refused, since that is more than half",
        ),
        (&["-f", &everything, "--no-protect"], 3, "100.00% of IPv4; refused"),
    ] {
        let ran = namespace.netfilterd(&[&["check"], options].concat());
        ran.expect(status, &[said]);
        let (would, refused) =
            (ran.stdout().contains("\nwould load"), ran.stdout().contains(": refused\n"));
        assert_eq!((would, refused), (status == 0, status != 0), "{options:?}: {}", ran.stdout());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_allowlist_that_cannot_be_trusted_refuses_everything() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n");
    let gone = folder.path().join("gone");
    for (allow, status, said) in [
        (gone.to_str().unwrap().to_string(), 1, "allowlist "),
        (folder.file("page", "<html>\n"), 1, "is not a list of addresses"),
        (folder.file("half", "192.0.2.1\nx\ny\n"), 3, "of 2 lines rejected the first is "),
        (folder.file("comments", "# soon\n"), 3, "holds comments or blanks and no entry"),
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
    check(&[]).expect(1, &["own addresses and gateways cannot be found out: Address family not"]);
    check(&["--no-protect"]).expect(0, &[]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_a_table_does_not_see_is_not_said_to_be_cut() {
    let (namespace, folder) = (furnished(), Folder::new());
    let list = folder.file("list", "fd77::/64\n10.77.0.0/24\n");
    let ran = namespace.netfilterd(&["check", "-f", &list, "-t", "ip t"]);
    ran.expect(0, &["list:2: 10.77.0.0/24 holds 10.77.0.2", "left out of IPv6: 1 network"]);
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
    print(&["-f", &gone, "-f", &list]).expect(1, &["gone: cannot be read: No such file"]);
    let ran = print(&["-f", &gone, "-f", &list, "-f", lists, "--skip-missing"]);
    ran.expect(0, &["gone: cannot be read", "lists/a: cannot be read", "done without"]);
    assert_eq!(ran.stdout(), "192.0.2.1/32\n192.0.2.2/32\n");
    print(&["-f", &gone, "--skip-missing"]).expect(1, &["none of the lists exists"]);
    let under = format!("{list}/under");
    print(&["-f", &under, "-f", &list, "--skip-missing"]).expect(1, &["Not a directory"]);
    let page = folder.file("page", "<html>\n");
    print(&["-f", &page, "-f", &list, "--skip-missing"]).expect(1, &["is not a list"]);
}
