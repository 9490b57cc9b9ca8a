//! What messages must not be.

/// Why what a process has written to standard error is wrong, if it is.
pub fn judge(stderr: &str) -> Result<(), String> {
    for line in stderr.lines() {
        // What strace says of itself stands there, too.
        if line.starts_with("strace: ") {
            continue;
        }
        let Some(text) = line.strip_prefix("netfilterd: ") else {
            return Err(format!("no message of netfilterd: {line}"));
        };
        // Behind the cause stands what to do, or what is done.
        let Some(error) = text.strip_prefix("error: ") else { continue };
        let rest = match error.rsplit_once("(os error ") {
            Some((_, behind)) => behind.split_once(')').map_or("", |(_, rest)| rest),
            None => error,
        };
        if !["; ", ": ", ", ", " ("].iter().any(|begin| rest.contains(begin)) {
            return Err(format!("without a cure: {line}"));
        }
    }
    Ok(())
}

/// The last line of what a process has written.
pub fn last(stderr: &str) -> &str {
    stderr.lines().last().unwrap_or_default()
}

#[test]
fn what_a_message_must_not_be_is_noticed() {
    let cured = "netfilterd: error: list: cannot be read: Is full (os error 28); make room\n";
    judge(&format!("netfilterd: loaded 1 network\n{cured}")).unwrap();
    for wrong in [
        "netfilterd: error: list: cannot be read: Is full (os error 28)\n",
        "netfilterd: error: failed\n",
        "thread 'main' panicked at src/main.rs:1:1:\n",
    ] {
        judge(&format!("{cured}{wrong}")).unwrap_err();
    }
}
