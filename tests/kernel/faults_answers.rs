//! Errors of the calls by which the kernel's answers are received: whatever was lost, the exit status
//! says what is in force.

use std::fs;

use kit::crowd::{FOREIGN, TABLE};
use kit::*;

const OLD: &str = "192.0.2.0/24\n203.0.113.9\n";
const NEW: &str = "198.51.100.0/24\n203.0.113.9\n";

/// What packets meet of IPv4.
fn in_force(namespace: &Namespace, options: &[&str]) -> Vec<String> {
    match options.is_empty() {
        true => namespace.looked_up("drop4"),
        false => namespace.elements("ip t", "a"),
    }
}

/// Loads while the call of a number fails, or all from there on. Returns the load, and whether there
/// was such a call.
fn load_with_fault(
    namespace: &Namespace,
    fault: &str,
    list: &str,
    options: &[&str],
) -> (Ran, bool) {
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let mut command = namespace.command("strace");
    command.args(["-f", "-qq", "-o", trace.to_str().unwrap(), "-e", &format!("inject={fault}")]);
    command.args([program(), "load", "--no-protect", "-f", list]);
    let ran = run(command.args(options).args(namespace.state()));
    (ran, fs::read_to_string(trace).unwrap().contains("(INJECTED)"))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn whichever_answer_cannot_be_received_the_exit_status_says_what_is_in_force() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let (old, new) = (folder.file("old", OLD), folder.file("new", NEW));
    namespace.nft(TABLE);
    let (old_held, new_held) = (merged(OLD).v4, merged(NEW).v4);
    for options in [&[][..], FOREIGN] {
        for call in [
            "poll:error=EINVAL+",
            "poll:error=ENOMEM",
            "poll:error=EINTR",
            "recvmsg:error=ENOBUFS",
            "recvmsg:error=ENOMEM",
        ] {
            let mut succeeded = 0;
            for number in 1.. {
                namespace.load(&[&["-f", &old], options].concat());
                let (of_call, plus) = match call.strip_suffix('+') {
                    // All from there on: nothing that is asked by way of a poll is answered.
                    Some(of_call) => (of_call, "+"),
                    None => (call, ""),
                };
                let fault = format!("{of_call}:when={number}{plus}");
                let (ran, hit) = load_with_fault(&namespace, &fault, &new, options);
                let expected = match ran.status() {
                    0 => &new_held,
                    1 => &old_held,
                    status => panic!("{fault}: {status}: {}", ran.stderr()),
                };
                let held = in_force(&namespace, options);
                assert_eq!(&held, expected, "{fault} {options:?}: {}", ran.stderr());
                succeeded += u32::from(hit && ran.status() == 0);
                if !hit {
                    break;
                }
            }
            assert!(
                succeeded > 0 || call.starts_with("poll"),
                "{call}: what was committed was found"
            );
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_answer_that_stays_lost_is_no_claim_that_the_old_list_is_in_force() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let (old, new) = (folder.file("old", OLD), folder.file("new", NEW));
    namespace.nft(TABLE);
    let (old_held, new_held) = (merged(OLD).v4, merged(NEW).v4);
    for options in [&[][..], FOREIGN] {
        let mut unknown = 0;
        for number in 1.. {
            namespace.load(&[&["-f", &old], options].concat());
            let fault = format!("recvmsg:error=ENOMEM:when={number}+");
            let (ran, hit) = load_with_fault(&namespace, &fault, &new, options);
            let held = in_force(&namespace, options);
            assert!(held == old_held || held == new_held, "{fault}: {held:?}");
            if !hit {
                assert_eq!((ran.status(), held), (0, new_held.clone()));
                break;
            }
            if held == new_held && ran.status() != 0 {
                assert_names(&ran.stderr(), &["it is not known whether the change was made"]);
                unknown += 1;
            }
        }
        assert!(unknown > 0, "{options:?}: some change was made and could not be found");
    }
}
