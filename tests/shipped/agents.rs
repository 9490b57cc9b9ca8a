//! The agents of contrib/agents/ that read logs: whom they list, and whom they do not.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use kit::agents::*;
use kit::*;

/// Those of the excerpts that misbehave: 192.0.2.N, or 2001:db8:bad::N where N is negative.
fn offenders(numbers: &[i32]) -> Vec<String> {
    let one = |number: &i32| match number {
        0.. => format!("192.0.2.{number}"),
        _ => format!("2001:db8:bad::{}", -number),
    };
    numbers.iter().map(one).collect()
}

#[test]
#[ignore = "needs python3"]
fn each_agent_lists_the_offenders_of_an_excerpt_and_nobody_else() {
    needs(&["python3"]);
    type Case = (&'static str, &'static [&'static str], &'static str, &'static [i32]);
    let cases: [Case; 8] = [
        ("postfix", &[], "postfix.log", &[10, 11, 12, 13, 15, 16, -17, 18, 19, 20, 22, 24, 25, 26]),
        ("sshd", &[], "sshd.log", &[10, 11, -12, 13, 16, 17, 19]),
        ("sshd", &["--probes"], "sshd.log", &[10, 11, -12, 13, 14, 16, 17, 18, 19, 20]),
        ("named", &[], "named.log", &[17, -18]),
        ("named", &["--udp"], "named.log", &[10, 11, 12, -13, 14, 15, 16, 17, -18]),
        ("suricata", &[], "eve.json", &[10]),
        ("suricata", &["--client", "^(libssh|Go$)"], "eve.json", &[10, 13, -14]),
        ("suricata", &["--client", "^Go$", "--severity", "0"], "eve.json", &[-14]),
    ];
    for (name, options, file, numbers) in cases {
        let mut found = listed(name, &[options, &["--threshold", "1"]].concat(), &excerpt(file));
        found.dedup();
        assert_eq!(found, offenders(numbers), "{name} {options:?}");
    }
}

#[test]
#[ignore = "needs python3"]
fn what_can_be_forged_counts_only_if_that_is_asked_for() {
    needs(&["python3"]);
    let of = |name, option: &str| {
        let options = ["--threshold", "1", option];
        listed(name, &options, &excerpt(if name == "named" { "named.log" } else { "eve.json" }))
    };
    assert!(of("named", "--rate-limited").contains(&"198.51.100.80".to_string()));
    assert!(of("suricata", "--udp").contains(&"198.51.100.81".to_string()));
    // A single SYN, SYN-ACKs that nobody has answered, an event that says nothing of it.
    let (proven, all) = (of("suricata", "--quiet"), of("suricata", "--unproven"));
    for victim in ["198.51.100.84", "198.51.100.85", "198.51.100.86"] {
        assert!(!proven.contains(&victim.to_string()) && all.contains(&victim.to_string()));
    }
}

#[test]
#[ignore = "needs python3"]
fn a_query_counts_if_the_line_before_proves_its_source() {
    needs(&["python3"]);
    let line = |rest: &str| {
        format!(
            "Nov 27 10:00:01 ns named[7]: client @0x7f64 198.51.100.85#53 (a.example): {rest}\n"
        )
    };
    let query = |flags| line(&format!("query: a.example IN A {flags} (192.0.2.53)"));
    let denied = line("query (cache) 'a.example/A/IN' denied");
    let counts = |log: &str| !listed("named", &["--threshold", "1"], log).is_empty();
    for proof in ["+T", "-ST", "+E(0)TDC", "+V", "+E(0)DCV", "+E(0)TDK"] {
        assert!(counts(&(query(proof) + &denied)), "{proof}");
    }
    for none in ["+", "-S", "+E(0)", "+K", "+E(0)DCK"] {
        assert!(!counts(&(query(none) + &denied)), "{none}");
        assert!(!counts(&(query("+T") + &query(none) + &denied)), "{none}, after an answered one");
    }
    assert!(!counts(&denied), "no log of queries");
    // One proof is for one answer, and for its own client.
    let both = query("+T") + &denied + &denied;
    assert!(listed("named", &["--threshold", "2"], &both).is_empty());
    assert!(!counts(&(query("+T") + &denied.replace("0x7f64", "0x7f65"))));
    assert!(!counts(&(query("+T") + &denied.replace("198.51.100.85", "198.51.100.86"))));
    assert!(!counts(&(query("+T") + &denied.replace("#53", "#54"))));
    // What is asked for is the attacker's.
    let forged = line("query: a\\032IN\\032A\\032+T IN A + (192.0.2.53)");
    assert!(!counts(&(forged + &denied)));
}

/// What a stranger can have a large provider's server be told, by mail that they send by way of it.
#[test]
#[ignore = "needs python3"]
fn a_provider_is_not_listed_for_what_its_users_send() {
    needs(&["python3"]);
    let tail = "from=<a@example.com> to=<b@example.net> proto=ESMTP helo=<mail.example.com>";
    for message in [
        format!("554 5.7.1 <b@example.net>: Relay access denied; {tail}"),
        format!("454 4.7.1 <b@example.net>: Relay access denied; {tail}"),
        format!("552 5.3.4 Message size exceeds fixed limit; {tail}"),
        format!("552 5.2.2 <b@example.net>: Recipient address rejected: Quota exceeded; {tail}"),
        format!("550 5.1.1 <b@example.net>: Recipient address rejected: User unknown; {tail}"),
        format!("550 5.1.0 <b@example.net>: Recipient address rejected: User unknown; {tail}"),
        format!("550 5.7.1 <a@example.com>: Sender address rejected: not allowed; {tail}"),
        format!("553 5.7.1 <a@example.com>: Sender address rejected: not logged in; {tail}"),
        format!("554 5.7.1 Service unavailable; Sender address [a@example.com] blocked using d; {tail}"),
        format!("550 5.7.1 <b@example.net>: Recipient address rejected: spam; {tail}"),
        // A recipient and a sender that are other answers.
        "554 5.7.1 <x>: Helo command rejected: y@example.net>: Relay access denied; \
         from=<a@example.com> to=<x>: Helo command rejected: y@example.net> proto=ESMTP \
         helo=<mail.example.com>"
            .to_string(),
        "554 5.7.1 <x>: Helo command rejected: y; from=<a> to=<b> proto=ESMTP helo=<z>: Relay access \
         denied; from=<a@example.com> to=<x> proto=ESMTP helo=<mail.example.com>"
            .to_string(),
    ] {
        let line = format!(
            "Nov 27 10:00:01 mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from \
             mail.example.com[203.0.113.9]: {message}\n"
        );
        let found = listed("postfix", &[], &line.repeat(50));
        assert!(found.is_empty(), "{line}");
    }
    for message in [
        "too many errors after RCPT from mail.example.com[203.0.113.9]",
        "too many errors after DATA from mail.example.com[203.0.113.9]",
        "improper command pipelining after DATA from mail.example.com[203.0.113.9]: MAIL FROM:<x>",
        "warning: Connection concurrency limit exceeded: 51 from mail.example.com[203.0.113.9] for service smtp",
        "warning: Connection rate limit exceeded: 51 from mail.example.com[203.0.113.9] for service smtp",
    ] {
        let line = format!("Nov 27 10:00:01 mx postfix/smtpd[7]: {message}\n");
        assert!(listed("postfix", &[], &line.repeat(50)).is_empty(), "{line}");
    }
}

#[test]
#[ignore = "needs python3"]
fn who_cannot_log_in_by_the_fault_of_the_host_is_not_listed() {
    needs(&["python3"]);
    let line = |message: &str| format!("Nov 27 10:00:01 mx postfix/smtpd[7]: {message}\n");
    let sasl = |reason: &str| {
        line(&format!(
            "warning: a.example[203.0.113.9]: SASL PLAIN authentication failed: {reason}"
        ))
    };
    let gave_up = line("lost connection after AUTH from a.example[203.0.113.9]");
    for fault in [
        "Connection lost to authentication server",
        "generic failure",
        "Temporary authentication failure",
        "no mechanism available",
        "Internal authentication error",
    ] {
        assert!(listed("postfix", &[], &(sasl(fault) + &gave_up).repeat(50)).is_empty(), "{fault}");
        // Nor is a wrong password forgiven meanwhile.
        let log = sasl(fault) + &sasl("UGFzc3dvcmQ6, sasl_username=x").repeat(5);
        assert_eq!(listed("postfix", &[], &log), ["203.0.113.9"]);
    }
    assert_eq!(listed("postfix", &[], &gave_up.repeat(5)), ["203.0.113.9"]);
    // What an attacker could have said to be spared.
    let log = sasl("(reason unavailable), sasl_username=generic failure") + &gave_up.repeat(4);
    assert_eq!(listed("postfix", &[], &log), ["203.0.113.9"]);
}

#[test]
#[ignore = "needs python3"]
fn who_is_allowed_is_never_listed_and_without_its_allowlist_an_agent_lists_nobody() {
    needs(&["python3"]);
    let list = List::new();
    let allow = list.folder.file(
        "allow",
        "# ours\n192.0.2.8/30 # monitoring\n2001:db8::/32\n198.51.100.10 - 198.51.100.19\n",
    );
    let line = |address: &str| {
        format!("Nov 27 10:00:01 host sshd[7]: Invalid user a from {address} port 5\n")
    };
    let log: String = ["192.0.2.7", "192.0.2.9", "2001:db8::1", "198.51.100.19", "198.51.100.20"]
        .map(line)
        .concat();
    let options = ["--threshold", "1", "--allow", &allow];
    assert_eq!(listed("sshd", &options, &log), ["192.0.2.7", "198.51.100.20"]);
    list.append(&["--allow", &allow, "192.0.2.9", "192.0.2.7"]).expect(1, &["192.0.2.9 ", &allow]);
    // A network that is allowed in part is netfilterd's to cut.
    list.append(&["--allow", &allow, "192.0.2.0/24"]).expect(0, &[]);
    assert_eq!(list.entries(), ["192.0.2.7", "192.0.2.0/24"]);
    // A directory, with a file that is not one.
    fs::create_dir(list.folder.path().join("allow.d")).unwrap();
    let folder = list.folder.path().join("allow.d").to_str().unwrap().to_string();
    list.folder.file("allow.d/one", "192.0.2.7\n");
    let options = ["--print", "--threshold", "1", "--allow", &folder];
    assert_eq!(given(&mut agent("sshd", &options), &log).stdout().lines().count(), 4);
    list.folder.file("allow.d/two", "192.0.2\n");
    let ran = given(&mut agent("sshd", &options), &log);
    ran.expect(1, &["two:1", "192.0.2"]);
    assert_eq!((ran.stdout().as_str(), ran.stderr().lines().count()), ("", 1));
    fs::remove_dir_all(&folder).unwrap();
    let ran = given(&mut agent("sshd", &options), &log);
    ran.expect(1, &[&folder]);
    assert_eq!(ran.stdout(), "");
}

/// What an attacker at 192.0.2.66 can have written into a log by the names that they give
/// themselves; the victim is at 203.0.113.9. Each line with whether the attacker is listed for it.
const FORGED: &[(&str, &str, bool)] = &[
    // A name of a user.
    (
        "sshd",
        "Failed password for invalid user root from 203.0.113.9 port 22 ssh2 from 192.0.2.66 port 5 ssh2",
        true,
    ),
    ("sshd", "Invalid user a from 203.0.113.9 port 22 from 192.0.2.66 port 5", true),
    (
        "sshd",
        "Connection closed by invalid user 203.0.113.9 port 22 [preauth] 192.0.2.66 port 5 [preauth]",
        true,
    ),
    ("sshd", "Accepted password for Invalid user a from 203.0.113.9 port 22", false),
    ("sshd", "User Failed password for a from 203.0.113.9 port 22 ssh2", false),
    // What a client calls itself, and what it says as it leaves.
    (
        "sshd",
        "Bad protocol version identification 'x' from 203.0.113.9 port 22' from 192.0.2.66 port 5",
        true,
    ),
    (
        "sshd",
        "Unable to negotiate with 192.0.2.66 port 5: no matching cipher found. Their offer: Invalid user a from 203.0.113.9 port 22",
        true,
    ),
    (
        "sshd",
        "Received disconnect from 192.0.2.66 port 5:11: Connection closed by 203.0.113.9 port 22 [preauth] [preauth]",
        false,
    ),
    // A HELO, a sender, a recipient, a user name, a command.
    (
        "postfix",
        "NOQUEUE: reject: RCPT from unknown[192.0.2.66]: 554 5.7.1 <a[203.0.113.9]: 554 5.7.1 >: Relay access denied; from=<x[203.0.113.9]> to=<y> proto=ESMTP helo=<[203.0.113.9]>",
        false,
    ),
    (
        "postfix",
        "NOQUEUE: reject: RCPT from unknown[192.0.2.66]: 504 5.5.2 <[203.0.113.9]>: Helo command rejected: need fully-qualified hostname; from=<x[203.0.113.9]> to=<y> proto=ESMTP helo=<[203.0.113.9]>",
        true,
    ),
    (
        "postfix",
        "NOQUEUE: reject: RCPT from unknown[192.0.2.66]: 554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using x; from=<a> to=<b> proto=ESMTP helo=<c>",
        false,
    ),
    (
        "postfix",
        "NOQUEUE: reject: RCPT from unknown[192.0.2.66]: 450 4.7.1 <NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 >: Helo command rejected: Host not found",
        false,
    ),
    (
        "postfix",
        "warning: unknown[192.0.2.66]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=a[203.0.113.9]: SASL LOGIN authentication failed: x",
        true,
    ),
    (
        "postfix",
        "warning: non-SMTP command from unknown[192.0.2.66]: GET /too many errors after AUTH from unknown[203.0.113.9]",
        true,
    ),
    // A name from the DNS: one that is no name at all, and one that is an address's.
    ("postfix", "too many errors after AUTH from a[203.0.113.9] [192.0.2.66]", false),
    ("postfix", "too many errors after AUTH from 203.0.113.9[192.0.2.66]", true),
    // The name that is asked for, the key that signs.
    (
        "named",
        "client @0x7f6450002ef0 192.0.2.66#5 (client\\032@0x1\\032203.0.113.9#53): query (cache) '203.0.113.9#53: query denied/A/IN' denied",
        true,
    ),
    (
        "named",
        "client @0x7f6450002ef0 192.0.2.66#5/key 203.0.113.9#53 (example.org): update '203.0.113.9/IN' denied",
        true,
    ),
    ("named", "client @0x7f6450002ef0 203.0.113.9 192.0.2.66#5: query 'a/A/IN' denied", false),
];

/// The options by which an agent counts all that it knows.
fn all_of(name: &str) -> Vec<&'static str> {
    let more = match name {
        "named" => "--udp",
        "sshd" => "--probes",
        _ => "--quiet",
    };
    vec!["--threshold", "1", more]
}

#[test]
#[ignore = "needs python3"]
fn what_an_attacker_writes_into_a_log_lists_nobody_else() {
    needs(&["python3"]);
    let mut elsewhere = String::new();
    for (name, message, counts) in FORGED {
        let program = if *name == "postfix" { "postfix/smtpd" } else { name };
        let line = format!("Nov 27 10:00:01 host {program}[7]: {message}\n");
        let expected = if *counts { vec!["192.0.2.66"] } else { vec![] };
        assert_eq!(listed(name, &all_of(name), &line), expected, "{line}");
        // The same in a message of another program, and as a line that has no beginning.
        elsewhere += &format!(
            "Nov 27 10:00:01 host shop[7]: order by {program}[7]: {message}\n\
             Nov 27 10:00:01 host shop[7]: {line}{program}[7]: {message}\n{message}\n"
        );
    }
    for name in ["postfix", "sshd", "named", "suricata"] {
        assert_eq!(listed(name, &all_of(name), &elsewhere), [""; 0], "{name}");
    }
}

#[test]
#[ignore = "needs python3"]
fn a_name_so_long_that_the_line_was_cut_off_in_it_lists_nobody() {
    needs(&["python3"]);
    for message in [
        "Failed password for invalid user LONG from 203.0.113.9 port 22 ssh2",
        "Invalid user LONG from 203.0.113.9 port 22",
        "Connection closed by invalid user LONG 203.0.113.9 port 22 [preauth]",
    ] {
        // Where busybox's logger cuts (256 with all in front), and where others do.
        for length in [213, 220, 1000] {
            let long = "x".repeat(length - message.len() + "LONG".len());
            let line = format!("Nov 27 10:00:01 h sshd[7]: {}\n", message.replace("LONG", &long));
            assert!(listed("sshd", &["--threshold", "1"], &line).is_empty(), "{line}");
        }
        let short = format!("Nov 27 10:00:01 h sshd[7]: {message}\n");
        assert_eq!(listed("sshd", &["--threshold", "1"], &short), ["203.0.113.9"]);
    }
    // As much of a name as sshd writes, and the longest address.
    let line = format!(
        "Nov 27 10:00:01 h sshd[7]: Failed keyboard-interactive/pam for invalid user {} from \
         2001:db8:bad:1111:2222:3333:4444:5555 port 50000 ssh2\n",
        "x".repeat(100)
    );
    let found = listed("sshd", &["--threshold", "1"], &line);
    assert_eq!(found, ["2001:db8:bad:1111:2222:3333:4444:5555"]);
}

#[test]
#[ignore = "needs python3"]
fn text_of_an_attacker_in_eve_json_stays_text() {
    needs(&["python3"]);
    let event = |software: &str| {
        format!(
            r#"{{"event_type":"ssh","src_ip":"192.0.2.66","proto":"TCP","ssh":{{"client":{{"software_version":"{software}"}},"server":{{"software_version":"x"}}}}}}"#
        ) + "\n"
    };
    let options = ["--client", "libssh"];
    for software in [
        r#"libssh\"}},\"src_ip\":\"203.0.113.9"#,
        r#"libssh\n{\"event_type\":\"alert\",\"src_ip\":\"203.0.113.9\"}"#,
    ] {
        assert_eq!(listed("suricata", &options, &event(software)), ["192.0.2.66"]);
    }
    for line in [
        r#"{"event_type":"alert","src_ip":["203.0.113.9"],"proto":"TCP","alert":{"severity":1}}"#,
        r#"{"event_type":"alert","src_ip":"203.0.113.9","proto":"TCP","alert":[]}"#,
        r#"{"event_type":"alert","src_ip":"203.0.113.9","proto":"TCP","alert":{"severity":"1"}}"#,
        r#"["alert"]"#,
        &"[".repeat(100_000),
        "7",
        "",
    ] {
        let found = listed("suricata", &options, &format!("{line}\n"));
        assert!(found.is_empty(), "{found:?} by {:.80}", line);
    }
}

#[test]
#[ignore = "needs python3"]
fn bytes_that_are_no_log_are_passed_over() {
    needs(&["python3"]);
    let good = "Nov 27 10:00:01 host sshd[7]: Invalid user a from 192.0.2.66 port 5\n";
    let mut log = b"\0\xff\xfe\x80\n\n\r\n".to_vec();
    log.extend(vec![b'x'; 3 << 20]);
    log.extend(b"\nNov 27 10:00:01 host sshd[7]: Invalid user \xff\xc3 from 192.0.2.67 port 5\n");
    log.extend(good.as_bytes());
    // Cut off: it was 192.0.2.178.
    log.extend(b"Nov 27 10:00:01 host sshd[7]: Did not receive identification string from 192.0.2.17 port 5");
    let ran = given(&mut agent("sshd", &["--print", "--threshold", "1"]), log);
    assert_eq!((ran.status(), ran.stdout().as_str()), (0, "192.0.2.67\n192.0.2.66\n"));
}

#[test]
#[ignore = "needs python3"]
fn the_threshold_counts_the_lines_against_one_sender() {
    needs(&["python3"]);
    let line = |address: &str| {
        format!("Nov 27 10:00:01 host sshd[7]: Invalid user a from {address} port 5\n")
    };
    let log: String = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1"].map(line).concat();
    assert_eq!(listed("sshd", &["--threshold", "3"], &log), ["192.0.2.1"]);
    assert!(listed("sshd", &["--threshold", "4"], &log).is_empty());
    assert!(listed("sshd", &[], &log).is_empty(), "six by default");
    assert_eq!(listed("sshd", &[], &log.repeat(2)), ["192.0.2.1"]);
    // A host has a whole /64 of IPv6 to choose from.
    let log: String = (0..3).map(|n| line(&format!("2001:db8:bad:{}::{n}", n / 2))).collect();
    assert_eq!(listed("sshd", &["--threshold", "2"], &log), ["2001:db8:bad::1"]);
}

#[test]
#[ignore = "needs python3"]
fn an_agent_follows_what_a_command_writes_and_ends_with_it() {
    needs(&["python3"]);
    let list = List::new();
    let log = list.folder.file("log", excerpt("sshd.log"));
    let options =
        ["--threshold", "1", "--list", &list.path, "--json", "--", "tail", "-F", "-n", "0", &log];
    let events = fs::File::create(list.folder.path().join("events")).unwrap();
    let mut command = agent("sshd", &options);
    let mut following = Background(command.stdout(events).stderr(Stdio::null()).spawn().unwrap());
    let write = |name: &str, address: &str| {
        let mut file = OpenOptions::new().append(true).create(true).open(name).unwrap();
        writeln!(file, "Nov 27 10:00:01 host sshd[7]: Invalid user a from {address} port 5")
            .unwrap();
    };
    // Until tail is there, it may miss some.
    eventually("the first", || {
        write(&log, "192.0.2.66");
        Path::new(&list.path).exists() && list.text().contains("192.0.2.66 until ")
    });
    // The log is rotated.
    fs::rename(&log, format!("{log}.1")).unwrap();
    write(&log, "192.0.2.67");
    eventually("the second", || list.text().contains("192.0.2.67 until "));
    assert_eq!(list.entries(), ["192.0.2.66", "192.0.2.67"], "nothing of before, nothing twice");
    let event = fs::read_to_string(list.folder.path().join("events")).unwrap();
    let event: serde_json::Value = serde_json::from_str(event.lines().next().unwrap()).unwrap();
    assert_eq!((&event["event"], &event["agent"]), (&"listed".into(), &"sshd".into()));
    assert_eq!(
        (&event["address"], &event["reason"]),
        (&"192.0.2.66".into(), &"invalid user".into())
    );

    let pid = nix::unistd::Pid::from_raw(following.0.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(following.0.wait().unwrap().code(), Some(143));
    let ran = run(&mut agent("sshd", &["--print", "--", "sh", "-c", "exit 7"]));
    assert_line_names(&ran.stderr(), &["sshd: sh ", " 7"]);
    assert_eq!(ran.status(), 1);
    run(&mut agent("sshd", &["--print", "--", "/nonexistent"]))
        .expect(1, &["/nonexistent: No such file"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn from_a_line_of_a_log_to_a_packet_that_is_dropped() {
    needs(&["python3"]);
    let wire = Wire::new();
    let list = List::holding("192.0.2.1\n");
    let daemon = Daemon::start(&wire.inside, &["--watch", "--file", &list.path]);
    assert!(wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FOE6, INSIDE6));
    let mut log = String::new();
    for address in [FOE4, FOE6, INSIDE4] {
        log += &format!("Nov 27 10:00:01 host sshd[7]: Invalid user a from {address} port 5\n");
    }
    let options = ["--private", "--threshold", "1", "--until", "1h", "--list", &list.path];
    given(&mut agent("sshd", &options), log).expect(0, &[FOE4, FOE6, INSIDE4]);
    eventually("dropped", || !wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    assert!(wire.comes_in(FRIEND4, INSIDE4) && wire.comes_in(FRIEND6, INSIDE6));
    assert!(wire.goes_out(INSIDE4, FRIEND4), "its own address, which it protects");

    // And by SIGHUP, for a daemon that does not watch.
    drop(daemon);
    let pid = list.folder.path().join("pid").to_str().unwrap().to_string();
    let daemon = Daemon::start(&wire.inside, &["--pid-file", &pid, "--file", &list.path]);
    list.append(&["--hup", &pid, FRIEND4]).expect(0, &[]);
    daemon.wait_for_loads(2);
    assert!(!wire.comes_in(FRIEND4, INSIDE4));
    daemon.end("TERM");
    fs::write(&pid, std::process::id().to_string()).unwrap();
    list.append(&["--hup", &pid, "192.0.2.200"]).expect(1, &[&pid]);
    assert!(list.entries().contains(&"192.0.2.200".to_string()), "listed all the same");
}

#[test]
fn the_index_names_every_agent_and_no_other() {
    let index = fs::read_to_string(format!("{AGENTS}/README.md")).unwrap();
    let mut named: Vec<&str> = index
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap())
        .filter(|name| !name.contains(".."))
        .collect();
    let files = fs::read_dir(AGENTS).unwrap().map(|file| file.unwrap());
    let mut there: Vec<String> = files
        .map(|file| file.file_name().into_string().unwrap())
        .filter(|name| name != "README.md" && name != "fail2ban" && name != "__pycache__")
        .chain([
            "fail2ban/action.d/netfilterd.conf".into(),
            "fail2ban/action.d/netfilterd-hup.conf".into(),
        ])
        .collect();
    named.sort_unstable();
    named.dedup();
    there.sort_unstable();
    assert_eq!(named, there);
}

#[test]
#[ignore = "needs python3"]
fn the_command_lines_of_the_index_are_understood() {
    needs(&["python3"]);
    let index = fs::read_to_string(format!("{AGENTS}/README.md")).unwrap();
    let cells = index.lines().filter(|line| line.starts_with("| ")).flat_map(|line| {
        let cell = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'))
    });
    let lines = index.lines().filter_map(|line| line.split_once("/lib/netfilterd/agents/"));
    let jobs = lines.filter(|(before, _)| before.starts_with("    ")).map(|(_, command)| command);
    let mut tried = 0;
    for command in cells.chain(jobs) {
        let command = command.split(" -- ").next().unwrap().split(" >>").next().unwrap();
        let mut words = command.split_whitespace().map(|word| word.trim_matches('\''));
        let name = words.next().unwrap();
        if !Path::new(&format!("{AGENTS}/{name}")).exists() {
            continue;
        }
        tried += 1;
        // Options are judged in their order, so what is wrong with one comes before the help.
        let last = if name == "conntrack-summary" { "/dev/null" } else { "--help" };
        let ran = run(&mut agent(name, &words.chain([last]).collect::<Vec<_>>()));
        assert_eq!(ran.status(), 0, "{command}: {}", ran.stderr());
    }
    assert_eq!(tried, 11);
}
