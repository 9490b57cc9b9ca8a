//! The sessions of logind: systemd-logind(8), and elogind(8) on hosts without systemd.
//!
//! Each session has a file in one folder, with lines of the form `KEY=VALUE`. logind writes it after
//! the user was authenticated, and only root can write there. systemd calls the format private, but
//! libsystemd, by which programs ask for sessions, reads these files, too. D-Bus and that library would
//! be dependencies for three lines of a file.

use super::login::Login;

/// The login that the file of a session describes. `None` for a local session, for one that is
/// closing, and for one in which nobody is logged in, as that of a login screen.
///
/// A session that is closing still has processes, such as tmux(1), but its connection has ended.
pub fn login(file: &[u8]) -> Option<Login> {
    let text = String::from_utf8_lossy(file);
    let value = |key: &str| {
        let of_key = |line: &'_ str| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_string());
        text.lines().find_map(of_key).map(|value| value.trim_matches('"').to_string())
    };
    let is = |key, values: &[&str]| value(key).is_some_and(|value| values.contains(&&*value));
    if is("STATE", &["closing"]) || is("CLASS", &["greeter", "lock-screen"]) || is("REMOTE", &["0"])
    {
        return None;
    }
    let host = value("REMOTE_HOST").filter(|host| !host.is_empty())?;
    Some(Login::from(&host))
}
