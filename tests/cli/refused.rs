//! What is known to be no list: each kind is recognised in a file of its own, and the command that its
//! message has makes a list of that file.

use std::collections::BTreeSet;
use std::process::Command;

use kit::*;
use netfilterd::list::format::refused::kinds;

/// What a file of a kind is made of.
enum Sample {
    Text(&'static str),
    Bytes(&'static [u8]),
    /// What a program writes to its standard output if it reads a list.
    Made(&'static str),
}

use Sample::{Bytes, Made, Text};

/// The list that samples are made of by programs.
const LIST: &str = "198.51.100.7\n203.0.113.0/24\n";

/// What is read of it.
const READ: &[&str] = &["198.51.100.7/32", "203.0.113.0/24"];

/// A file of each kind, and what is read of what each command of the message writes, in this order.
const SAMPLES: &[(&str, Sample, &[&[&str]])] = &[
    ("packed data (gzip)", Made("gzip -c"), &[READ]),
    ("packed data (xz)", Made("xz -c"), &[READ]),
    ("packed data (zstd)", Made("zstd -q -c"), &[READ]),
    ("packed data (bzip2)", Made("bzip2 -c"), &[READ]),
    ("packed data (lz4)", Made("lz4 -q -c"), &[READ]),
    ("packed data (zip)", Made("zip -q - -"), &[READ]),
    ("packed data (7z)", Bytes(b"7z\xbc\xaf\x27\x1c\0\x04"), &[]),
    ("packed data (rar)", Bytes(b"Rar!\x1a\x07\x01\0\n192.0.2.7\n"), &[]),
    ("UTF-32", Made("iconv -t UTF-32"), &[READ]),
    ("UTF-16", Made("iconv -t UTF-16"), &[READ]),
    ("UTF-16 without a mark (little end first)", Made("iconv -t UTF-16LE"), &[READ]),
    ("UTF-16 without a mark (big end first)", Made("iconv -t UTF-16BE"), &[READ]),
    ("binary data", Bytes(b"\x7fELF\x02\x01\x01\0\0\n192.0.2.7\x01\x02\n\x03\x04\n"), &[]),
    ("a PDF document", Text("%PDF-1.7\n192.0.2.7\n"), &[]),
    (
        "a list of PeerGuardian in binary form (P2B)",
        Bytes(b"\xff\xff\xff\xffP2B\x01Example\0\xc6\x33\x64\0\xc6\x33\x64\xff"),
        &[],
    ),
    ("a capture of packets (pcap)", Bytes(b"\xd4\xc3\xb2\xa1\x02\0\x04\0"), &[]),
    ("a database of SQLite", Bytes(b"SQLite format 3\0\x10\0"), &[]),
    ("a database of MaxMind (mmdb)", Bytes(b"\0\0\x01\0\0\x02\xab\xcd\xefMaxMind.com\xe9"), &[]),
    (
        "a page (HTML)",
        Text("<!DOCTYPE html>\n<html><body><pre>\nYour address is\n203.0.113.7\n</pre>\n"),
        &[],
    ),
    (
        "an error in XML from a server",
        Text("<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>\n"),
        &[],
    ),
    (
        "an OpenIOC document (XML)",
        Text(
            "<?xml version=\"1.0\"?>\n<ioc xmlns=\"http://schemas.example/ioc\"><definition>\n\
             <IndicatorItem><Content type=\"IP\">198.51.100.7</Content></IndicatorItem>\n\
             <IndicatorItem><Content type=\"IP\">203.0.113.0/24</Content></IndicatorItem>\n\
             <IndicatorItem><Content type=\"md5\">00</Content></IndicatorItem>\n</definition></ioc>\n",
        ),
        &[READ],
    ),
    (
        "a STIX document (XML)",
        Text("<stix:STIX_Package version=\"1.2\">\n<a>198.51.100.7</a>\n</stix:STIX_Package>\n"),
        &[],
    ),
    (
        "a zone or policy of firewalld (XML)",
        Text(
            "<?xml version=\"1.0\"?>\n<zone target=\"DROP\">\n<source address=\"192.0.2.7\"/>\n</zone>\n",
        ),
        &[],
    ),
    (
        "a document in XML",
        Text("<?xml version=\"1.0\"?>\n<rss><item>198.51.100.7</item></rss>\n"),
        &[],
    ),
    (
        "a mail",
        Text(
            "Return-Path: <feed@example.org>\nReceived: from mail.example.org\nSubject: list\n\n\
             198.51.100.7\n203.0.113.0/24\n",
        ),
        &[READ],
    ),
    (
        "a table of a regional internet registry (delegated)",
        Text(
            "2|apnic|20141224|2|19850701|20141223|+1000\napnic|*|ipv4|*|2|summary\n\
             apnic|CN|ipv4|1.0.1.0|256|20110414|allocated\napnic|JP|ipv4|1.0.16.0|4096|20110412|allocated\n",
        ),
        &[&["1.0.1.0/24"]],
    ),
    (
        "a table of MaxMind (GeoLite2 or GeoIP2 blocks)",
        Text(
            "network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,\
             is_anonymous_proxy,is_satellite_provider\n1.0.0.0/24,2077456,2077456,,0,0\n",
        ),
        &[],
    ),
    (
        "a table of DB-IP",
        Text(
            "1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.3.255,CN\n2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\n",
        ),
        &[&["1.0.1.0/24", "1.0.2.0/23"]],
    ),
    (
        "a table of IPinfo",
        Text(
            "start_ip,end_ip,country,country_name,continent,continent_name,asn,as_name,as_domain\n\
             1.0.0.0,1.0.0.255,AU,Australia,OC,Oceania,AS13335,\"Example, Inc.\",example.com\n\
             1.0.1.0,1.0.1.255,CN,China,AS,Asia,,,\n",
        ),
        &[&["1.0.1.0/24"]],
    ),
    (
        "a table of IP2Location",
        Text(
            "\"16777216\",\"16777471\",\"AU\",\"Australia\"\n\"16777472\",\"16778239\",\"CN\",\"China\"\n",
        ),
        &[&["1.0.1.0/24", "1.0.2.0/23"]],
    ),
    (
        "a table of the networks of AS numbers (ip2asn)",
        Text(
            "1.1.1.0\t1.1.1.255\t64496\tUS\tEXAMPLE - Example, Inc.\n1.1.2.0\t1.1.2.255\t64497\tCN\tOTHER\n",
        ),
        &[&["1.1.1.0/24"]],
    ),
    (
        "a table of the networks of AS numbers (prefix2as)",
        Text("198.51.100.0\t24\t64496\n203.0.113.0\t24\t64497_64498\n"),
        &[&["198.51.100.0/24"]],
    ),
    (
        "a log of a firewall",
        Text(
            "Nov 28 10:00:00 host kernel: [UFW BLOCK] IN=eth0 OUT= MAC=00 SRC=198.51.100.7 DST=192.0.2.1 LEN=40\n\
             Nov 28 10:00:01 host kernel: [UFW BLOCK] IN=eth0 OUT= MAC=00 SRC=2001:db8::7 DST=2001:db8::1 LEN=40\n",
        ),
        &[&["198.51.100.7/32", "2001:db8::7/128"]],
    ),
    (
        "a log of sshd",
        Text(
            "Nov 28 10:00:00 host sshd[1]: Failed password for root from 198.51.100.7 port 1 ssh2\n\
             Nov 28 10:00:01 host sshd[1]: Failed password for invalid user a from 192.0.2.1 port 2 from 2001:db8::7 port 1 ssh2\n\
             2026-11-28T10:00:00.000000+00:00 host sshd[1]: Invalid user x from 203.0.113.9\n\
             Nov 28 10:00:02 host sshd[1]: Accepted publickey for root from 192.0.2.9 port 1 ssh2\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.9/32", "2001:db8::7/128"]],
    ),
    (
        "a log of fail2ban",
        Text(
            "2026-11-28 10:00:00,123 fail2ban.actions        [1]: NOTICE  [sshd] Ban 198.51.100.7\n\
             2026-11-28 10:00:01,123 fail2ban.filter         [1]: INFO    [sshd] Found 192.0.2.9 - 2026-11-28 10:00:01\n\
             2026-11-28 10:00:02,123 fail2ban.actions        [1]: NOTICE  [sshd] Restore Ban 203.0.113.9\n\
             2026-11-28 10:00:03,123 fail2ban.actions        [1]: NOTICE  [sshd] Ban 192.0.2.7\n\
             2026-11-28 10:00:04,123 fail2ban.actions        [1]: NOTICE  [sshd] Unban 192.0.2.7\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.9/32"]],
    ),
    (
        "a log (syslog)",
        Text(
            "Nov 28 10:00:00 host postfix/smtpd[1]: connect from unknown[198.51.100.7]\n\
             2026-11-28T10:00:00+00:00 host cron[2]: started\n",
        ),
        &[],
    ),
    (
        "a log of a web server",
        Text(
            "198.51.100.7 - - [28/Nov/2026:10:00:00 +0000] \"GET /wp-login.php HTTP/1.1\" 404 1\n\
             192.0.2.9 - user [28/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n",
        ),
        &[&["198.51.100.7/32"]],
    ),
    (
        "a log of a web server (errors)",
        Text(
            "[Sat Nov 28 10:00:00.1 2026] [core:error] [pid 1] [client 198.51.100.7:1234] File does not exist\n\
             2026/11/28 10:00:00 [error] 1#1: *1 open() failed, client: 198.51.100.7, server: _\n",
        ),
        &[],
    ),
    (
        "a table of logins that failed (lastb)",
        Text(
            "root     ssh:notty    198.51.100.7     Sat Nov 28 10:00 - 10:00  (00:00)\n         \
             ssh:notty    203.0.113.9      Sat Nov 28 10:01 - 10:01  (00:00)\n\nbtmp begins Sat Nov  1 00:00:00 2026\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.9/32"]],
    ),
    (
        "a table of logins that succeeded (last)",
        Text(
            "admin    pts/0        192.0.2.1        Sat Nov 28 10:00   still logged in\n\
             reboot   system boot  6.1.0            Sat Nov 28 09:00\n\nwtmp begins Sat Nov  1 00:00:00 2026\n",
        ),
        &[],
    ),
    (
        "a journal of systemd (journalctl -o json)",
        Text(
            "{\"__CURSOR\":\"s=1\",\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"Failed password for root from 198.51.100.7 port 22 ssh2\"}\n\
             {\"__CURSOR\":\"s=2\",\"__REALTIME_TIMESTAMP\":\"2\",\"MESSAGE\":[1,2]}\n\
             {\"__CURSOR\":\"s=3\",\"__REALTIME_TIMESTAMP\":\"3\",\"MESSAGE\":\"Invalid user a from 192.0.2.1 port 2 from 203.0.113.9 port 22\"}\n\
             {\"__CURSOR\":\"s=4\",\"__REALTIME_TIMESTAMP\":\"4\",\"MESSAGE\":\"Accepted publickey for root from 192.0.2.9 port 1 ssh2\"}\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.9/32"]],
    ),
    (
        "addresses with counts before them (uniq -c)",
        Text("     12 198.51.100.7\n      3 203.0.113.0/24\n"),
        &[READ],
    ),
    (
        "the output of iptables -L",
        Text(
            "Chain f2b-sshd (1 references)\ntarget     prot opt source               destination\n\
             REJECT     all  --  198.51.100.7         0.0.0.0/0            reject-with icmp-port-unreachable\n\
             RETURN     all  --  0.0.0.0/0            0.0.0.0/0\n",
        ),
        &[],
    ),
    (
        "the output of ufw status",
        Text(
            "Status: active\n\nTo                         Action      From\n--                         ------      ----\n\
             22/tcp                     LIMIT       Anywhere\n\
             Anywhere                   DENY        198.51.100.7\n\
             192.168.1.0/24             LIMIT       Anywhere\n\
             10.0.0.0/8                 ALLOW       Anywhere\n\
             Anywhere                   DENY IN     203.0.113.0/24             # note\n\
             203.0.113.7                DENY        192.0.2.0/24\n\
             Anywhere                   REJECT      192.0.2.7 80/tcp\n\
             [ 7] Anywhere (v6)         DENY IN     2001:db8::7\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.0/24", "2001:db8::7/128"]],
    ),
    (
        "the output of fail2ban-client status, which names jails and no addresses",
        Text("Status\n|- Number of jail:\t2\n`- Jail list:\tpostfix, sshd\n"),
        &[],
    ),
    (
        "a table of connections (conntrack)",
        Text(
            "tcp      6 431999 ESTABLISHED src=198.51.100.7 dst=192.0.2.1 sport=1 dport=22 [ASSURED] mark=0 use=1\n",
        ),
        &[],
    ),
    (
        "a table of connections (ss or netstat)",
        Text(
            "State    Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
             ESTAB    0      0      192.0.2.1:22       198.51.100.7:1234\n\
             LISTEN   0      128    [::]:22            [::]:*\n",
        ),
        &[],
    ),
    (
        "a table of neighbours (ip neigh or arp)",
        Text(
            "192.0.2.9 dev eth0 lladdr 52:54:00:00:00:01 REACHABLE\n2001:db8::9 dev eth0 FAILED\n",
        ),
        &[],
    ),
    (
        "a table of routes (ip route)",
        Text(
            "default via 192.0.2.1 dev eth0\nblackhole 198.51.100.7\nblackhole 203.0.113.0/24 proto static\n\
             192.168.9.0/24 proto bird metric 32\n10.8.0.0/24 dev tun0 scope link\n",
        ),
        &[READ],
    ),
    (
        "the output of whois",
        Text(
            "% note\n\ninetnum:        198.51.100.0 - 198.51.100.255\nnetname:        EXAMPLE\n\
             descr:          Example\nroute:          198.51.0.0/16\norigin:         AS64496\n",
        ),
        &[&["198.51.100.0/24"]],
    ),
    (
        "objects of a routing registry (whois)",
        Text(
            "route:          198.51.100.0/24\ndescr:          Example\norigin:         AS64496\nsource:         RADB\n\n\
             route6:         2001:db8::/32\norigin:         AS64496\n",
        ),
        &[&["198.51.100.0/24", "2001:db8::/32"]],
    ),
    (
        "objects of a Cisco ASA (object-group network)",
        Text(
            "object-group network BAD\n network-object host 198.51.100.7\n network-object 203.0.113.0 255.255.255.0\n",
        ),
        &[READ],
    ),
    (
        "a Cisco configuration with routes to Null0",
        Text(
            "ip route 198.51.100.7 255.255.255.255 Null0\nip route 0.0.0.0 0.0.0.0 192.0.2.1\nip route 203.0.113.0 255.255.255.0 Null0 254\n",
        ),
        &[READ],
    ),
    (
        "a Cisco access list",
        Text(
            "ip access-list extended BAD\n deny   ip 198.51.100.0 0.0.0.255 any\n deny   ip host 203.0.113.9 any\n \
             permit ip any any\naccess-list 10 deny 192.0.2.0 0.0.0.255\n",
        ),
        &[],
    ),
    (
        "a prefix list of a router",
        Text(
            "ip prefix-list BAD seq 5 permit 203.0.113.0/24 le 32\nip prefix-list BAD seq 10 permit 198.51.100.7/32\nip prefix-list BAD seq 15 deny 0.0.0.0/0 le 32\n",
        ),
        &[READ],
    ),
    (
        "a prefix set of Cisco IOS XR",
        Text("prefix-set MARTIANS\n  198.51.100.7/32,\n  203.0.113.0/24 le 32\nend-set\n"),
        &[READ],
    ),
    (
        "a Juniper configuration (set commands)",
        Text(
            "set policy-options prefix-list NAME 198.51.100.7/32\nset policy-options prefix-list NAME 203.0.113.0/24\nset policy-options prefix-list GOOD 192.0.2.0/24\n",
        ),
        &[READ],
    ),
    (
        "a Juniper configuration",
        Text(
            "policy-options {\n    prefix-list GOOD {\n        192.0.2.0/24;\n    }\n    prefix-list NAME {\n        198.51.100.7/32;\n        203.0.113.0/24;\n    }\n}\n",
        ),
        &[READ],
    ),
    (
        "a Fortinet configuration",
        Text(
            "config firewall address\n    edit \"bad1\"\n        set subnet 198.51.100.7 255.255.255.255\n    next\n    edit \"bad2\"\n        set subnet 203.0.113.0 255.255.255.0\n    next\nend\n",
        ),
        &[READ],
    ),
    (
        "a PAN-OS configuration",
        Text(
            "set address bad1 ip-netmask 198.51.100.7\nset address bad2 ip-range 203.0.113.0-203.0.113.255\nset address-group BAD static [ bad1 bad2 ]\n",
        ),
        &[READ],
    ),
    (
        "commands of a Check Point firewall",
        Text(
            "mgmt_cli add host name \"bad1\" ip-address \"198.51.100.7\"\nmgmt_cli add host name \"bad2\" ip-address \"203.0.113.9\" color red\nmgmt_cli publish\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.9/32"]],
    ),
    (
        "a Huawei configuration",
        Text(
            "acl number 2000\n rule 5 deny source 198.51.100.0 0.0.0.255\n rule 10 permit source any\n#\nreturn\n",
        ),
        &[],
    ),
    (
        "networks with wildcard masks (198.51.100.0 0.0.0.255)",
        Text("198.51.100.7/0.0.0.0\n203.0.113.0/0.0.0.255\n203.0.113.128 0.0.0.127\n"),
        &[READ],
    ),
    (
        "a BGP table (show ip bgp)",
        Text(
            "BGP table version is 1, local router ID is 192.0.2.1\n   Network          Next Hop            Metric LocPrf Weight Path\n\
             *> 198.51.100.0/24  192.0.2.254              0             0 64500 i\n\
             *> 2001:db8:1234::/48\n                      2001:db8:ffff::1\n                                                0 64500 i\n",
        ),
        &[],
    ),
    (
        "a table of routes (show ip route)",
        Text(
            "Codes: C - connected, B - BGP\n\nB>* 198.51.100.0/24 [20/0] via 192.0.2.1, eth0, 00:01:00\nC    192.0.2.0/24 is directly connected, eth0\n",
        ),
        &[],
    ),
    (
        "a table of routes of BIRD",
        Text(
            "Table master4:\n198.51.100.0/24      unicast [up1 2026-11-28] * (100) [AS64500i]\n\tvia 192.0.2.254 on eth0\n203.0.113.0/24       blackhole [static1 2026-11-28] * (200)\n",
        ),
        &[&["203.0.113.0/24"]],
    ),
    (
        "a BGP table as bgpdump -m writes it",
        Text(
            "TABLE_DUMP2|1|B|192.0.2.1|64500|203.0.113.0/24|64500 64496|IGP|192.0.2.1|0|0||NAG||\nTABLE_DUMP2|1|B|192.0.2.1|64500|198.51.100.0/24|64500 64497|IGP|192.0.2.1|0|0||NAG||\n",
        ),
        &[&["203.0.113.0/24"]],
    ),
    (
        "a list of addresses with ports",
        Text("198.51.100.7:8080\n203.0.113.9:3128 # note\n[2001:db8::7]:443\n"),
        &[&["198.51.100.7/32", "203.0.113.9/32", "2001:db8::7/128"]],
    ),
    (
        "a CSV table of addresses with ports",
        Text(
            "# \"first_seen_utc\",\"ioc_value\",\"ioc_type\"\n\"2026-11-28 10:00:01\", \"198.51.100.7:443\", \"ip:port\"\n\"2026-11-28 10:00:02\", \"203.0.113.9:8080\", \"ip:port\"\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.9/32"]],
    ),
    (
        "addresses in which the dots were changed (defanged)",
        Text("198[.]51[.]100[.]7\n203.0.113[dot]9\n203.0.113(.)11\n2001[:]db8[::]7\n"),
        &[&["198.51.100.7/32", "203.0.113.9/32", "203.0.113.11/32", "2001:db8::7/128"]],
    ),
    (
        "two columns of addresses, which may be ranges or hosts",
        Text(
            "198.51.100.0 198.51.100.255\n203.0.113.0\t203.0.113.127\n192.0.2.0 ; 192.0.2.3 ; CN\n",
        ),
        &[
            &["192.0.2.0/30", "198.51.100.0/24", "203.0.113.0/25"],
            &[
                "192.0.2.0/32",
                "192.0.2.3/32",
                "198.51.100.0/32",
                "198.51.100.255/32",
                "203.0.113.0/32",
                "203.0.113.127/32",
            ],
        ],
    ),
    (
        "ranges with a dash that is not the one of ASCII",
        Text("198.51.100.4 – 198.51.100.7\n203.0.113.0 — 203.0.113.255\n"),
        &[&["198.51.100.4/30", "203.0.113.0/24"]],
    ),
    (
        "a list of reputations of Suricata (iprep)",
        Text("198.51.100.7,1,100\n192.0.2.7,1,5\n203.0.113.0/24,1,90\n192.0.2.9,2,90\n"),
        &[READ],
    ),
    (
        "a map of HAProxy (addresses with a value each)",
        Text("198.51.100.7\t1\n192.0.2.9\t0\n203.0.113.0/24 1\n198.18.0.0/15 trusted\n"),
        &[READ],
    ),
    (
        "a zone of a name server with a policy (RPZ)",
        Text(
            "$TTL 1h\n@ SOA localhost. root.localhost. 1 1h 15m 30d 2h\n NS localhost.\n24.0.113.0.203.rpz-ip CNAME .\n32.9.113.0.203.rpz-ip CNAME rpz-passthru.\n32.7.100.51.198.rpz-ip CNAME .\n",
        ),
        &[READ],
    ),
    (
        "a zone of a name server",
        Text(
            "$ORIGIN example.org.\n$TTL 1h\n@ IN SOA ns root 1 1h 15m 30d 2h\n  IN NS ns\nns IN A 192.0.2.1\n",
        ),
        &[],
    ),
    (
        "questions to a list in DNS (7.100.51.198.dnsbl.example)",
        Text("7.100.51.198.dnsbl.example\n9.113.0.203.dnsbl.example\n"),
        &[&["198.51.100.7/32", "203.0.113.9/32"]],
    ),
    (
        "a table in Markdown",
        Text(
            "# Bad hosts\n\n| Host | Note |\n|------|------|\n| `198.51.100.7` | scanner, see 192.0.2.1 |\n| 203.0.113.0/24 | spam |\n",
        ),
        &[READ],
    ),
    (
        "a patch (diff)",
        Text(
            "diff --git a/list b/list\n--- a/list\n+++ b/list\n@@ -1,2 +1,2 @@\n 198.51.100.7\n-192.0.2.9\n+203.0.113.9\n",
        ),
        &[],
    ),
    (
        "a table of routes in columns",
        Text(
            "Prefix               Next Hop             Interface\n0.0.0.0/0            192.0.2.1            Tunnel0\n198.18.0.0/15        drop\n198.51.100.0/24      attached             GigabitEthernet0/0\n",
        ),
        &[],
    ),
    (
        "definitions of networks (capirca or aerleon)",
        Text(
            "# ours\nNAME = 198.51.100.7/32 # seen\n       203.0.113.0/24\nRFC1918 = 10.0.0.0/8\nALL = NAME\n      RFC1918\n",
        ),
        &[READ],
    ),
    (
        "a list of addresses that are cut short (198.51.100)",
        Text("198.51.100\n203.0.113.\n"),
        &[&["198.51.100.0/24", "203.0.113.0/24"]],
    ),
    (
        "rules of Shorewall",
        Text("#ACTION SOURCE DEST\nACCEPT $FW net:192.0.2.1-192.0.2.9\nDROP loc dmz:192.168.1.5\n"),
        &[],
    ),
    (
        "a list of URLs",
        Text(
            "# URLs\nhttp://198.51.100.7:8080/bin.sh\nhttps://203.0.113.9/x\nhttps://example.org/198.51.100.9\nhttps://[2001:db8::7]/\n",
        ),
        &[&["198.51.100.7/32", "203.0.113.9/32", "2001:db8::7/128"]],
    ),
    (
        "a hosts file",
        Text(
            "# hosts\n127.0.0.1 localhost\n0.0.0.0 ads.example more.example\n::1 ip6-localhost\n192.0.2.9 host\n",
        ),
        &[],
    ),
    (
        "a hosts file, or a list of hosts with notes",
        Text("198.51.100.7 scanner\n203.0.113.9 spam source\n"),
        &[&["198.51.100.7/32", "203.0.113.9/32"]],
    ),
    (
        "a list of filters of a blocker of advertisements",
        Text("! Title: x\n||ads.example^\n||192.0.2.7^\n@@||good.example^\n"),
        &[],
    ),
    ("a list of AS numbers", Text("AS64496\nAS64497 # one\n64511\n"), &[]),
    ("a list of names of hosts", Text("ads.example\n*.org.example\nmore.example # note\n"), &[]),
];

/// What a command of the shell writes.
fn written(command: &str) -> (bool, Vec<u8>, String) {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), output.stdout, stderr)
}

/// The content of a sample.
fn content(sample: &Sample, folder: &Folder) -> Vec<u8> {
    match sample {
        Text(text) => text.as_bytes().to_vec(),
        Bytes(bytes) => bytes.to_vec(),
        Made(command) => {
            needs(&[command.split(' ').next().unwrap()]);
            let (is_made, bytes, stderr) =
                written(&format!("{command} < '{}'", folder.file("list", LIST)));
            assert!(is_made, "{command}: {stderr}");
            bytes
        }
    }
}

/// The commands of a cure: what stands behind the colon of each part that names FILE.
fn commands(cure: &str) -> Vec<&str> {
    let parts = cure.split(", or ").filter(|part| part.contains("FILE"));
    parts.map(|part| part.split_once(": ").expect("a command stands behind a colon").1).collect()
}

#[test]
fn each_kind_of_file_that_is_no_list_is_named_and_its_command_makes_a_list_of_it() {
    let sampled: BTreeSet<&str> = SAMPLES.iter().map(|(what, ..)| *what).collect();
    let known: BTreeSet<&str> = kinds().map(|(kind, _)| kind.what).collect();
    assert_eq!(sampled, known, "each kind has a sample");
    let folder = Folder::new();
    let mut wrong = String::new();
    for (what, sample, expected) in SAMPLES {
        let file = folder.file("sample file", content(sample, &folder));
        let checked = netfilterd(&["check", "-f", &file]);
        let lead = format!("{file}: is not a list of addresses but {what}");
        let stderr = checked.stderr();
        let Some(message) = stderr.lines().find_map(|line| line.split_once(&lead)) else {
            wrong += &format!("{what}: {stderr}\n");
            continue;
        };
        assert_eq!(checked.status(), 1, "{what}");
        // Behind the line that decides, which the message quotes.
        let cure = kinds().find(|(kind, _)| kind.what == *what).unwrap().0.cure;
        assert!(message.1.ends_with(&format!("; {cure}")), "{what}: {}", message.1);
        let commands = commands(cure);
        if commands.len() != expected.len() {
            wrong += &format!("{what}: {} commands in {cure}\n", commands.len());
            continue;
        }
        for (command, expected) in commands.into_iter().zip(*expected) {
            let agents = format!("{TOP}/contrib/agents");
            let command = command
                .replace("/usr/local/lib/netfilterd/agents", &agents)
                .replace("FILE", &format!("'{file}'"));
            let (is_made, bytes, stderr) = written(&command);
            let list = folder.file("made", &bytes);
            let read = netfilterd(&["print", "-f", &list]);
            let printed = read.stdout();
            let lines: Vec<&str> = printed.lines().collect();
            if !is_made || lines != *expected {
                wrong += &format!("{what}: {command}\n{stderr}{}{lines:?}\n", read.stderr());
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Tables and documents in which nothing has a known name, with what the command of the message takes.
const UNNAMED: [(&str, &[&str]); 6] = [
    ("198.51.100.7,IP used by Example C&C,2026-11-28 10:00\n203.0.113.0/24,\"other\",x\n", READ),
    ("1,198.51.100.7,x\n2,\"203.0.113.0/24\",y\n", READ),
    ("1,2026-11-28,198.51.100.7\n2,2026-11-28,203.0.113.0/24\n", READ),
    ("uuid,type,value\na,ip-dst,198.51.100.7\nb,ip-dst,203.0.113.0/24\n", READ),
    ("{\"data\": [{\"addr\": \"198.51.100.7\"},\n {\"addr\": \"203.0.113.0/24\"}]}\n", READ),
    (
        "{\"type\":\"bundle\",\"objects\":[{\"type\":\"indicator\",\"pattern\":\"[ipv4-addr:value = '198.51.100.7']\",\"pattern_type\":\"stix\"}]}\n",
        &["198.51.100.7/32"],
    ),
];

#[test]
fn the_command_for_a_table_or_document_without_a_known_name_makes_a_list_of_it() {
    needs(&["jq"]);
    let folder = Folder::new();
    let mut wrong = String::new();
    for (text, expected) in UNNAMED {
        let file = folder.file("unnamed file", text);
        let checked = netfilterd(&["check", "-f", &file]);
        let stderr = checked.stderr();
        let message = stderr.lines().find(|line| line.contains(&format!("{file}: is ")));
        let command =
            message.and_then(|message| message.rsplit_once(": ")).map(|(_, command)| command);
        let Some(command) = command.filter(|command| command.contains("FILE")) else {
            wrong += &format!("{text}{stderr}");
            continue;
        };
        let (is_made, bytes, stderr) = written(&command.replace("FILE", &format!("'{file}'")));
        let read = netfilterd(&["print", "-f", &folder.file("made", &bytes)]);
        let printed = read.stdout();
        if !is_made || printed.lines().ne(expected.iter().copied()) {
            wrong += &format!("{text}{command}\n{stderr}{}{printed}\n", read.stderr());
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
