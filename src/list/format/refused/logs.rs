//! Logs: they name everybody who came, and what a line says of an address only their program knows.

use super::Refused;
use super::look::{
    Look, Text, address, is_any, is_date, is_host, is_number, is_place, is_time, split_once,
};

pub static KINDS: &[Refused] = &[
    Refused::new(
        "a log of a firewall",
        "lines with SRC= and DST=, as the kernel logs packets",
        "take the sources of all packets in it, if all of them were refused: \
         sed -nE 's/.* SRC=([0-9a-fA-F.:]+) .*/\\1/p' FILE | sort -u",
        firewall,
    ),
    Refused::new(
        "a log of sshd",
        "lines of a time, a host and sshd[PID]:",
        "have the agent sshd follow it, or take the addresses of failed logins: \
         sed -nE '/sshd[^ ]*: (Failed|Invalid)/s/.* from ([0-9a-fA-F.:]+)( port [0-9]+.*)?$/\\1/p' FILE | sort -u",
        sshd,
    ),
    Refused::new(
        "a log of fail2ban",
        "lines of a time and fail2ban.actions, fail2ban.filter or the like",
        "the bans in force are in the output of fail2ban-client banned; from the log: \
         awk '$(NF-1) == \"Ban\" {b[$NF]} $(NF-1) == \"Unban\" {delete b[$NF]} END {for (a in b) print a}' FILE",
        fail2ban,
    ),
    Refused::new(
        "a log (syslog)",
        "lines of a time, a host and the name of a program with a colon",
        "it names everybody who came; have an agent such as sshd, postfix or named follow it, or write the \
         addresses that are meant to a list, one a line",
        syslog,
    ),
    Refused::new(
        "a log of a web server",
        "lines of an address, two names, a time in brackets and a request in quotes",
        "it names everybody who came; take the addresses of the requests that are meant, here of those for \
         wp-login: awk '/wp-login/ {print $1}' FILE | sort -u",
        access_log,
    ),
    Refused::new(
        "a log of a web server (errors)",
        "lines with [client ADDRESS] or client: ADDRESS behind a time",
        "it names visitors, and few of them are bad; write the addresses that are meant to a list, one a line",
        error_log,
    ),
    Refused::new(
        "a table of logins that failed (lastb)",
        "lines with ssh:notty, and the line btmp begins",
        "take the addresses: sed -nE 's/.* ssh:notty +([0-9a-fA-F.:]+) .*/\\1/p' FILE | sort -u",
        lastb,
    ),
    Refused::new(
        "a table of logins that succeeded (last)",
        "lines with pts/ or tty behind a user, and the line wtmp begins",
        "these logins are not bad; lastb writes those that failed",
        last,
    ),
    Refused::new(
        "a journal of systemd (journalctl -o json)",
        "objects with __REALTIME_TIMESTAMP, one a line",
        "take the addresses of failed logins: \
         jq -r '.MESSAGE | strings | select(test(\"^(Failed|Invalid)\")) | \
         capture(\"^.* from (?<a>[0-9a-fA-F.:]+)( port [0-9]+.*)?$\").a' FILE | sort -u",
        |text| {
            let is_object = text.text.trim_ascii_start().starts_with(b"{");
            Look::sign(is_object && text.holds(b"\"__REALTIME_TIMESTAMP\""))
        },
    ),
    Refused::new(
        "addresses with counts before them (uniq -c)",
        "lines of a number and an address or network",
        "take what stands behind the numbers: awk '{print $2}' FILE",
        |text| {
            let [count, place] = text.words() else { return Look::Other };
            Look::sign(is_number(count) && is_place(place))
        },
    ),
];

/// The number of the word behind the time and the host of a line of syslog, if it is one.
fn behind_host(text: &Text<'_>) -> Option<usize> {
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let first = text.word(0);
    // The priority of a line that comes from the network.
    let first = match first.strip_prefix(b"<").and_then(|rest| split_once(rest, b'>')) {
        Some((priority, rest)) if is_number(priority) => rest,
        _ => first,
    };
    if is_any(first, &months) && is_number(text.word(1)) && is_time(text.word(2)) {
        return Some(4);
    }
    let is_stamp = is_date(first)
        && first.get(10).is_some_and(|sign| *sign == b'T')
        && is_time(first.get(11..).unwrap_or_default());
    is_stamp.then_some(2)
}

fn firewall(text: &Text<'_>) -> Look {
    let has = |name: &[u8]| text.words().iter().any(|word| word.starts_with(name));
    Look::sign(has(b"SRC=") && has(b"DST=")).or_part(behind_host(text).is_some())
}

fn sshd(text: &Text<'_>) -> Look {
    match behind_host(text) {
        Some(program) => Look::sign(text.word(program).starts_with(b"sshd")).or_part(true),
        None => Look::Other,
    }
}

fn syslog(text: &Text<'_>) -> Look {
    let Some(program) = behind_host(text) else { return Look::Other };
    let word = text.word(program);
    let is_program =
        word.ends_with(b":") || word.starts_with(b"[") || text.word(program + 1) == b"-";
    Look::sign(is_program && !word.is_empty()).or_part(true)
}

fn fail2ban(text: &Text<'_>) -> Look {
    let is_line = is_date(text.word(0)) && is_time(text.word(1));
    Look::sign(is_line && text.word(2).starts_with(b"fail2ban."))
}

fn access_log(text: &Text<'_>) -> Look {
    // Some have the name of the site in front.
    let first = usize::from(!is_host(text.word(0)));
    let is_line = is_host(text.word(first)) || text.word(0).contains(&b'.');
    let is_time = (first + 3..first + 6).any(|index| {
        matches!(text.word(index), [b'[', a, b, b'/', ..] if a.is_ascii_digit() && b.is_ascii_digit())
    });
    Look::sign(is_line && is_time && text.word(first + 1) == b"-")
}

fn error_log(text: &Text<'_>) -> Look {
    let client = |index: &usize| {
        let word = text.word(*index).trim_ascii_end();
        matches!(word, b"[client" | b"client:")
    };
    let place = (0..text.words().len()).find(client);
    let is_time = text.begins(b"[") || is_number_date(text.word(0)) && is_time(text.word(1));
    let is_client = place.is_some_and(|place| {
        let word = text.word(place + 1);
        let word = word.strip_suffix(b"]").or(word.strip_suffix(b",")).unwrap_or(word);
        address(word).is_some() || word.iter().rposition(|byte| *byte == b':').is_some()
    });
    Look::sign(is_client && is_time).or_part(is_time)
}

/// A date with slashes, as nginx writes it.
fn is_number_date(text: &[u8]) -> bool {
    text.len() == 10 && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'/')
}

fn lastb(text: &Text<'_>) -> Look {
    Look::sign(text.has(b"ssh:notty") || text.first_are(&[b"btmp", b"begins"]))
        .or_part(is_login(text))
}

fn last(text: &Text<'_>) -> Look {
    let is_session = is_login(text) && text.word(1).starts_with(b"pts/");
    Look::sign(is_session || text.first_are(&[b"wtmp", b"begins"])).or_part(is_login(text))
}

/// A user, a terminal and, somewhere behind, the time of a day.
fn is_login(text: &Text<'_>) -> bool {
    let is_terminal = |word: &&[u8]| {
        [&b"pts/"[..], b"tty", b"ssh:", b"system", b"console"]
            .iter()
            .any(|kind| word.starts_with(kind))
    };
    let is_clock = |word: &&[u8]| matches!(word, [_, _, b':', _, _, ..]);
    text.words().iter().take(2).any(is_terminal) && text.words().iter().any(is_clock)
}
