//! The configuration of dnsmasq(8), as far as it says which servers dnsmasq asks.

use std::net::IpAddr;
use std::path::PathBuf;

use super::login::address;

/// What one file of the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The servers of `server`, `local` and `rev-server`.
    pub servers: Vec<IpAddr>,
    /// The files of `resolv-file`, which are read like resolv.conf(5).
    pub resolv_files: Vec<PathBuf>,
    /// The files of `conf-file` and `servers-file`, which have this format.
    pub files: Vec<PathBuf>,
    /// The folders of `conf-dir`, with such files.
    pub folders: Vec<PathBuf>,
}

/// Reads a file of the configuration. Lines that are not understood are ignored.
pub fn parse(text: &str) -> Config {
    let mut config = Config::default();
    for line in text.lines() {
        let Some((option, value)) = without_comment(line).split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        let first = value.split(',').next().unwrap_or_default();
        match option.trim() {
            "server" | "local" => config.servers.extend(server(value)),
            "rev-server" => {
                config.servers.extend(value.split_once(',').and_then(|(_, value)| server(value)));
            }
            "resolv-file" => config.resolv_files.push(value.into()),
            "conf-file" | "servers-file" => config.files.push(value.into()),
            // Behind commas stand the names that count.
            "conf-dir" => config.folders.push(first.into()),
            _ => {}
        }
    }
    config
}

/// A comment begins with a number sign at the begin of the line or behind white space; the one in
/// `192.0.2.53#5353` begins a port.
fn without_comment(line: &str) -> &str {
    let begins =
        |(at, _): &(usize, _)| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let comment = line.match_indices('#').find(begins);
    comment.map_or(line, |(at, _)| &line[..at])
}

/// The address in `/example.org/192.0.2.53%eth0#5353@192.0.2.10`. Without an address the names between
/// the slashes are answered by dnsmasq itself.
fn server(value: &str) -> Option<IpAddr> {
    let value = value.rsplit('/').next()?;
    address(value.split(['#', '@', ',']).next()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_are_read_in_all_forms_of_the_manual() {
        for (line, servers) in [
            ("server=192.0.2.53", &["192.0.2.53"][..]),
            ("  server = 192.0.2.53  # why", &["192.0.2.53"]),
            ("server=192.0.2.53#5353", &["192.0.2.53"]),
            ("server=192.0.2.53@eth0", &["192.0.2.53"]),
            ("server=192.0.2.53#53@192.0.2.10#55", &["192.0.2.53"]),
            ("server=/example.org/192.0.2.53", &["192.0.2.53"]),
            ("server=/example.org/example.net/2001:db8::53#53", &["2001:db8::53"]),
            ("local=//192.0.2.53", &["192.0.2.53"]),
            ("server=fe80::1%eth0", &["fe80::1"]),
            ("rev-server=192.168.0.0/16,192.0.2.53#53", &["192.0.2.53"]),
            ("server=\"192.0.2.53\"", &["192.0.2.53"]),
            ("server=/example.org/", &[]),
            ("server=/example.org/#", &[]),
            ("local=/lan/", &[]),
            ("#server=192.0.2.53", &[]),
            ("# server=192.0.2.53", &[]),
            ("address=/example.org/192.0.2.53", &[]),
            ("server", &[]),
            ("server=", &[]),
            ("rev-server=192.168.0.0/16", &[]),
        ] {
            let servers: Vec<IpAddr> = servers.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(parse(line), Config { servers, ..Config::default() }, "{line}");
        }
    }

    #[test]
    fn files_that_say_more_are_named() {
        let text = "no-resolv\nresolv-file=/run/a.conf\nresolv-file=/run/b.conf\n\
                    servers-file=/etc/c\nconf-file=/etc/d\nconf-dir=/etc/e,*.conf\n";
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(
            parse(text),
            Config {
                servers: Vec::new(),
                resolv_files: paths(&["/run/a.conf", "/run/b.conf"]),
                files: paths(&["/etc/c", "/etc/d"]),
                folders: paths(&["/etc/e"]),
            }
        );
    }
}
