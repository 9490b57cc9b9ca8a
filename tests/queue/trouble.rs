//! Queue mode when something goes wrong, or everything happens at once.

use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use kit::queue::{BOTH, Family, Queues};
use kit::*;

const UDP_TO_QUEUE: &str = "-A INPUT -p udp -j NFQUEUE --queue-num 0";
const UDP_TO_QUEUE_OR_PAST: &str = "-A INPUT -p udp -j NFQUEUE --queue-num 0 --queue-bypass";

#[test]
#[ignore = "needs root: network namespaces"]
fn without_a_daemon_packets_are_dropped_or_with_bypass_accepted() {
    needs(&["iptables-legacy"]);
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for (rule, passes) in [(UDP_TO_QUEUE, false), (UDP_TO_QUEUE_OR_PAST, true)] {
        for signal in ["KILL", "TERM"] {
            let wire = Wire::new();
            wire.inside.iptables("legacy", BOTH, rule);
            assert_eq!(wire.comes_in(FOE4, INSIDE4), passes, "before: {rule}");
            let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
            assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
            queues.daemon.signal(signal);
            wait_until_gone(queues.daemon.pid());
            assert_eq!(wire.comes_in(FOE4, INSIDE4), passes, "after SIG{signal}: {rule}");
            // The next one takes the queue at once.
            let _next = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
            assert!(wire.comes_in(FRIEND6, INSIDE6) && !wire.comes_in(FOE6, INSIDE6));
        }
    }
}

/// Until the process has ended, whether somebody has asked for its status or not.
fn wait_until_gone(pid: u32) {
    let stat = format!("/proc/{pid}/stat");
    let is_gone = || !fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    eventually("the end of the process", is_gone);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_second_daemon_on_a_queue_is_refused_and_the_first_serves_on() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let first = Queues::serve(&wire.inside, &list, &["--queue", "3:4"]);
    for queues in ["4", "2:3"] {
        let second = wire.inside.netfilterd(&["--queue", queues, "-f", &list]);
        let queue = if queues == "4" { "queue 4" } else { "queue 3" };
        second.expect(1, &[queue, "netfilterd", &first.daemon.pid().to_string()]);
    }
    wire.inside.iptables("legacy", BOTH, "-A INPUT -p udp -j NFQUEUE --queue-balance 3:4");
    assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
    // What the refused one had before it was refused is free again.
    let _third = Queues::serve(&wire.inside, &list, &["--queue", "2"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn without_the_capability_the_message_names_it() {
    needs(&["setpriv"]);
    let inside = Namespace::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let mut command = inside.command("setpriv");
    command.args(["--bounding-set", "-net_admin", "--inh-caps", "-net_admin", program()]);
    command.args(["--queue", "0", "-f", &list]).args(inside.files());
    run(&mut command).expect(1, &["queue 0", "CAP_NET_ADMIN"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_full_queue_lets_packets_pass_or_with_fail_closed_does_not() {
    needs(&["iptables-legacy"]);
    const ROOM: u64 = 10;
    const SENT: u64 = 100;
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for (option, passing) in [("--fail-open", SENT - ROOM), ("--fail-closed", 0)] {
        let wire = Wire::new();
        let options = ["--queue", "0", "--queue-maxlen", "10", option];
        let queues = Queues::serve(&wire.inside, &list, &options);
        wire.inside.iptables("legacy", BOTH, UDP_TO_QUEUE);
        queues.daemon.signal("STOP");
        let receiver = wire.inside.within(|| UdpSocket::bind((INSIDE4, 0)).unwrap());
        receiver.set_read_timeout(Some(patience(500))).unwrap();
        // From a foe: those that pass do so because nobody looked at them.
        let sender = wire.outside.within(|| UdpSocket::bind((FOE4, 0)).unwrap());
        for _ in 0..SENT {
            sender.send_to(b"?", receiver.local_addr().unwrap()).unwrap();
        }
        let mut received = 0;
        while receiver.recv(&mut [0]).is_ok() {
            received += 1;
        }
        assert_eq!(received, passing, "{option}");
        queues.daemon.signal("CONT");
        let counted = queues.counted(|counted| counted.packets >= ROOM);
        assert_eq!((counted.packets, counted.dropped), (ROOM, ROOM), "{option}");
        // What it lets pass the kernel does not count.
        let refused = (option == "--fail-closed").then_some(SENT - ROOM);
        assert_eq!(counted.queue_full, refused, "{counted:?}");
        assert!(receiver.recv(&mut [0]).is_err(), "what waited is dropped");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_the_receive_buffer_cannot_be_made_large_its_overflow_is_survived_and_counted() {
    needs(&["iptables-legacy", "unshare", "nsenter"]);
    const SENT: u64 = 30_000;
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    // In a user namespace of its own, as in a container.
    let mut holder = Command::new("unshare");
    holder.args(["--user", "--map-root-user", "--net", "sleep", "600"]);
    let holder = Background(holder.spawn().unwrap());
    let pid = holder.0.id().to_string();
    let inside = |program: &str| {
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid, "--user", "--preserve-credentials", "--net", program]);
        command
    };
    // Not before unshare has made the namespaces.
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    let its = format!("/proc/{pid}/ns/net");
    eventually("a namespace of its own", || fs::read_link(&its).unwrap() != own);
    run(inside("ip").args(["link", "set", "lo", "up"])).expect(0, &[]);
    let queues = Queues::spawn(inside(program()), &list, &["--queue", "0"]);
    queues.daemon.wait_for_loads(1);
    let rule = UDP_TO_QUEUE.split_whitespace();
    run(inside("iptables-legacy").args(rule)).expect(0, &[]);
    queues.daemon.signal("STOP");
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         for i in range({SENT}): s.sendto(b'?', ('127.0.0.1', 9))"
    );
    run(inside("python3").args(["-c", &script])).expect(0, &[]);
    queues.daemon.signal("CONT");
    queues.counted(|counted| counted.packets > 0);
    // The number of the next packet shows how many were not seen.
    run(inside("python3").args(["-c", &script.replace(&SENT.to_string(), "1")])).expect(0, &[]);
    let counted = queues.counted(|counted| counted.packets + counted.buffer_full > SENT);
    println!("{counted:?}");
    assert_eq!(counted.packets + counted.buffer_full, SENT + 1);
    assert!(counted.packets > 1 && counted.buffer_full > 0, "{counted:?}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_receive_buffer_has_room_for_all_that_may_wait() {
    needs(&["iptables-legacy"]);
    const ROOM: u64 = 65_535;
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    // The largest messages are those with a hardware address, which packets that come in have.
    wire.inside.iptables("legacy", BOTH, "-t raw -A PREROUTING -p udp -j NFQUEUE --queue-num 0");
    wire.inside.iptables("legacy", BOTH, "-A INPUT -p udp -j DROP");
    queues.daemon.signal("STOP");
    let socket = wire.outside.within(|| UdpSocket::bind((FOE6, 0)).unwrap());
    let waiting = || {
        let queues = run(wire.inside.command("cat").arg("/proc/net/netfilter/nfnetlink_queue"));
        let columns = queues.stdout();
        columns.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap()
    };
    while waiting() < ROOM {
        for _ in 0..1_000 {
            socket.send_to(b"?", (INSIDE6, 9)).unwrap();
        }
    }
    queues.daemon.signal("CONT");
    let counted = queues.counted(|counted| counted.packets >= ROOM);
    assert_eq!(counted.buffer_full, 0, "{counted:?}");
    assert_eq!(counted.dropped, counted.packets);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_waits_when_it_is_told_to_stop_still_gets_its_verdict() {
    needs(&["iptables-legacy"]);
    const SENT: usize = 200;
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    wire.inside.iptables("legacy", BOTH, UDP_TO_QUEUE);
    let receiver = wire.inside.within(|| UdpSocket::bind((INSIDE4, 0)).unwrap());
    receiver.set_read_timeout(Some(DEADLINE)).unwrap();
    let friend = wire.outside.within(|| UdpSocket::bind((FRIEND4, 0)).unwrap());
    let foe = wire.outside.within(|| UdpSocket::bind((FOE4, 0)).unwrap());
    queues.daemon.signal("STOP");
    for _ in 0..SENT {
        friend.send_to(b"+", receiver.local_addr().unwrap()).unwrap();
        foe.send_to(b"-", receiver.local_addr().unwrap()).unwrap();
    }
    // The last of all comes from a friend.
    friend.send_to(b"!", receiver.local_addr().unwrap()).unwrap();
    queues.daemon.signal("TERM");
    queues.daemon.signal("CONT");
    let mut byte = [0];
    let mut received = Vec::new();
    while received.last() != Some(&b'!') {
        receiver.recv(&mut byte).unwrap();
        received.push(byte[0]);
    }
    assert_eq!(received[..SENT], [b'+'; SENT]);
    assert_eq!(received.len(), SENT + 1);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_reload_swaps_the_lists_and_a_failed_one_keeps_them() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    wire.inside.iptables("legacy", BOTH, UDP_TO_QUEUE);
    folder.file("list", format!("{FRIEND4}\n2001:db8:bad::/48\n"));
    queues.daemon.signal("HUP");
    queues.daemon.wait_for_loads(2);
    assert_eq!(queues.daemon.change(), (1, 1));
    assert!(!wire.comes_in(FRIEND4, INSIDE4) && wire.comes_in(FOE4, INSIDE4));
    assert!(wire.comes_in(FRIEND6, INSIDE6) && !wire.comes_in(FOE6, INSIDE6));
    queues.daemon.signal("HUP");
    queues.daemon.wait_for_loads(3);
    assert_eq!(queues.daemon.change(), (0, 0));
    for (bad, times) in ["", "<html>\n"].into_iter().zip(1..) {
        folder.file("list", bad);
        queues.daemon.signal("HUP");
        queues.daemon.wait_for_failures(times);
    }
    assert!(!wire.comes_in(FRIEND4, INSIDE4) && wire.comes_in(FOE4, INSIDE4));
    let status = ["status", "--status-file", queues.status_file()];
    assert_eq!(netfilterd(&status).status(), 1, "the last reload has failed");
    fs::remove_file(&list).unwrap();
    let failed = queues.daemon.status()["failed"]["line"].take();
    let said = queues.daemon.lines(&[failed.as_str().unwrap()]).len();
    queues.daemon.signal("USR1");
    queues.daemon.wait_for("queue 0", 1);
    queues.daemon.wait_for(failed.as_str().unwrap(), said + 1);
    let file = queues.status_file().to_string();
    assert_eq!(queues.daemon.pid(), netfilterd_pid(&file));
    drop(queues);
    let stopped = netfilterd(&["status", "--status-file", &file]);
    stopped.expect(3, &[&file]);
}

fn netfilterd_pid(status_file: &str) -> u32 {
    netfilterd::status::read(std::path::Path::new(status_file)).unwrap().unwrap().pid
}

/// Sends packets of three kinds while two lists take turns: from a source that is never listed,
/// which must all pass; from one that is always listed, of which none may; and by turns from one
/// that only the first list has and one that only the second has. Of these the packets that pass
/// tell which list each verdict came from. As the queue keeps packets in order, the answer may
/// change as often as the list was swapped, and no more: a verdict from a mixture would make it
/// change more often.
#[test]
#[ignore = "needs root: network namespaces"]
fn a_hundred_reloads_under_load_lose_no_packet_and_mix_no_lists() {
    needs(&["iptables-legacy"]);
    const RELOADS: usize = 100;
    let (first, second) = ("198.51.100.101", "198.51.100.102");
    let wire = Wire::new();
    for source in [first, second] {
        wire.outside.ip(&format!("addr add {source}/32 dev wire0"));
    }
    // Besides these the lists have 50,000 networks each, all of which are changed by a reload.
    let crowd = |offset: u32| -> String {
        let network = |i: u32| format!("20.{}.{}.{}/32\n", i >> 8 & 0xff, i & 0xff, offset);
        (0..50_000).map(network).collect()
    };
    let folder = Folder::new();
    let lists = [
        folder.file("first", format!("{FOE4}\n{first}\n{}", crowd(1))),
        folder.file("second", format!("{FOE4}\n{second}\n{}", crowd(3))),
    ];
    let list = folder.path().join("list");
    let put = |which: usize| {
        let aside = folder.path().join("aside");
        fs::copy(&lists[which], &aside).unwrap();
        fs::rename(&aside, &list).unwrap();
    };
    put(0);
    let queues = Queues::serve(&wire.inside, list.to_str().unwrap(), &["--queue", "0"]);
    wire.inside.iptables("legacy", &[Family::V4], UDP_TO_QUEUE);

    let receiver = wire.inside.within(|| {
        let receiver = UdpSocket::bind((INSIDE4, 0)).unwrap();
        let force = nix::sys::socket::sockopt::RcvBufForce;
        nix::sys::socket::setsockopt(&receiver, force, &(64 << 20)).unwrap();
        receiver
    });
    receiver.set_read_timeout(Some(patience(500))).unwrap();
    let to = receiver.local_addr().unwrap();
    let sources = [FRIEND4, FOE4, first, second];
    let senders = sources.map(|source| {
        let socket = wire.outside.within(|| UdpSocket::bind((source, 0)).unwrap());
        socket.connect(to).unwrap();
        socket
    });
    let begin = Instant::now();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (sent, received) = thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let mut received = Vec::new();
            let mut number = [0; 8];
            loop {
                // Before it is looked whether something comes: it is sent, then.
                let last = done.load(std::sync::atomic::Ordering::Relaxed);
                match receiver.recv(&mut number) {
                    Ok(_) => received.push(u64::from_be_bytes(number)),
                    Err(_) if last => return received,
                    Err(_) => {}
                }
            }
        });
        let sending = scope.spawn(|| {
            let mut number = 0u64;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for socket in &senders {
                    socket.send(&number.to_be_bytes()).unwrap();
                    number += 1;
                }
                // 20,000 a second and a little more than that at times: two processors have to
                // send, judge and receive, and read lists.
                let due = begin + Duration::from_micros(50) * number as u32;
                while Instant::now() < due {
                    thread::yield_now();
                }
            }
            number
        });
        let finished = StopAtEnd(&done);
        for reload in 1..=RELOADS {
            put(reload % 2);
            queues.daemon.signal("HUP");
            queues.daemon.wait_for_loads(reload as u64 + 1);
        }
        drop(finished);
        (sending.join().unwrap(), receiving.join().unwrap())
    });
    let counted = queues.counted(|counted| counted.packets >= sent);
    let rate = sent as f64 / begin.elapsed().as_secs_f64();
    println!("{sent} packets, {rate:.0} a second, {RELOADS} reloads; {counted:?}");
    assert_eq!((counted.buffer_full, counted.enobufs), (0, 0));

    let received: BTreeSet<u64> = received.into_iter().collect();
    let mut list_of_last = None;
    let mut changes = 0;
    for number in 0..sent {
        let passed = received.contains(&number);
        let by_first_list = match number % 4 {
            0 => {
                assert!(passed, "packet {number} of {sent} was lost");
                continue;
            }
            1 => {
                assert!(!passed, "packet {number} of {sent} was let through");
                continue;
            }
            2 => !passed,
            _ => passed,
        };
        if list_of_last.replace(by_first_list) != Some(by_first_list) {
            changes += 1;
        }
    }
    // The first one is where it begins.
    assert!(changes <= RELOADS + 1, "{changes} changes of the list in {RELOADS} reloads");
    assert!(changes > RELOADS / 2, "only {changes} reloads were seen by any packet");
}

struct StopAtEnd<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// A daemon under strace, in one of whose threads a system call fails as `inject` says.
fn with_failing(wire: &Wire, list: &str, inject: &str) -> Queues {
    let mut command = wire.inside.command("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", inject, program()]);
    let queues = Queues::spawn(command, list, &["--queue", "0"]);
    queues.daemon.wait_for_loads(1);
    wire.inside.iptables("legacy", BOTH, UDP_TO_QUEUE);
    queues
}

/// Waits until the log says more of the queue than the error.
fn is_served_again(queues: &Queues) {
    queues.daemon.wait_for("queue 0", 2);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_error_in_receiving_is_told_once_and_survived() {
    needs(&["iptables-legacy", "strace"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    // The first call fetches the answer to the binding.
    let inject = "inject=recvmmsg:error=EIO:when=2..3";
    let queues = with_failing(&wire, &list, inject);
    queues.daemon.wait_for_line(&["error: ", "queue 0", "Input/output error"], 1);
    is_served_again(&queues);
    assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
    let log = queues.daemon.log();
    assert_eq!(log.matches("Input/output error").count(), 1, "{log}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_socket_that_is_gone_is_made_anew() {
    needs(&["iptables-legacy", "strace"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = with_failing(&wire, &list, "inject=recvmmsg:error=EBADF:when=2");
    queues.daemon.wait_for_line(&["error: ", "queue 0", "Bad file descriptor"], 1);
    is_served_again(&queues);
    assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn enobufs_is_counted_and_is_no_reason_to_stop() {
    needs(&["iptables-legacy", "strace"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = with_failing(&wire, &list, "inject=recvmmsg:error=ENOBUFS:when=2..4");
    assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
    queues.counted(|counted| counted.enobufs == 3 && counted.packets >= 2);
    assert!(!queues.daemon.log().contains("queue 0"), "{}", queues.daemon.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn verdicts_that_cannot_be_sent_cost_their_packets_and_no_others() {
    needs(&["iptables-legacy", "strace"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    // The first is the binding itself.
    let queues = with_failing(&wire, &list, "inject=sendto:error=ENOMEM:when=2");
    // Judged, but the verdict is lost: the packet must not be decided by a later one.
    assert!(!wire.comes_in(FOE4, INSIDE4));
    queues.daemon.wait_for_line(&["error: ", "queue 0", "Cannot allocate memory"], 1);
    is_served_again(&queues);
    assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_queue_that_another_program_has_taken_makes_the_status_unhealthy_and_names_it() {
    needs(&["iptables-legacy", "strace"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    // After this error the socket is closed, and for two seconds the queue is free.
    let queues = with_failing(&wire, &list, "inject=sendto:error=ENOMEM:when=2");
    let status = |queues: &Queues| netfilterd(&["status", "--status-file", queues.status_file()]);
    status(&queues).expect(0, &[]);
    assert!(!wire.comes_in(FOE4, INSIDE4));
    queues.daemon.wait_for_line(&["error: ", "queue 0", "Cannot allocate memory"], 1);
    let other = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    let taken_by = format!("netfilterd (pid {})", other.daemon.pid());
    queues.daemon.wait_for_status(|status| status["condition"]["by"] == taken_by.as_str());
    let asked = status(&queues);
    asked.expect(1, &[]);
    assert_line_names(&asked.stdout(), &["in force", "no", "queue 0", &taken_by]);
    status(&other).expect(0, &[]);
    drop(other);
    is_served_again(&queues);
    queues.daemon.wait_for_status(|status| status["condition"]["state"] == "in_force");
    let asked = status(&queues);
    asked.expect(0, &[]);
    assert_line_names(&asked.stdout(), &["in force", "yes"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_that_waits_after_an_error_stops_at_once_when_it_is_told_to() {
    needs(&["iptables-legacy", "strace"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = with_failing(&wire, &list, "inject=recvmmsg:error=EIO:when=2+");
    queues.daemon.wait_for_line(&["error: ", "queue 0", "2 s"], 1);
    let pid = queues.daemon.status()["pid"].as_u64().unwrap() as u32;
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid as i32),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    wait_until_gone(pid);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_is_no_message_of_the_kernel_is_counted_and_survived() {
    needs(&["iptables-legacy", "python3"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    wire.inside.iptables("legacy", BOTH, UDP_TO_QUEUE);
    // Root may send to any netlink port. Cut, overlong and empty messages, one of another
    // subsystem, a packet without a number, and one that the kernel does not know.
    let script = "
import socket, struct
columns = open('/proc/net/netfilter/nfnetlink_queue').read().split()
port = int(columns[1])
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
def message(kind, body):
    return struct.pack('=IHHII', 16 + len(body), kind, 0, 0, 0) + body
def attribute(kind, value):
    return struct.pack('=HH', 4 + len(value), kind) + value
unknown = attribute(1, struct.pack('>IHB', 999999, 0x0800, 0)) + b'\\0'
unknown += attribute(5, struct.pack('>I', 7))
for bad in [b'\\1', b'\\0' * 16, struct.pack('=IHHII', 4096, 0x0300, 0, 0, 0),
            message(0x0a00, b'\\2\\0\\0\\0'), message(0x0300, b''), message(0x0300, b'\\2\\0\\0\\0'),
            message(2, b''), message(0x0300, b'\\2\\0\\0\\0' + attribute(1, b'\\0')),
            message(0x0300, b'\\2\\0\\0\\0' + unknown)]:
    s.sendto(bad, (port, 0))
";
    run(wire.inside.command("python3").args(["-c", script])).expect(0, &[]);
    let counted = queues.counted(|counted| counted.malformed >= 8);
    assert_eq!(counted.malformed, 8, "{counted:?}");
    assert_eq!(counted.unreadable, 1, "the one that has a number and no header");
    assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
    assert!(!queues.daemon.log().contains("error: "), "{}", queues.daemon.log());
}
