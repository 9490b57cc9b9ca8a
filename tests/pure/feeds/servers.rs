//! Configurations of servers.

use super::*;

// nginx: deny NETWORK;

#[test]
fn what_nginx_denies_is_an_entry() {
    is("deny 109.120.180.0/22;", &["109.120.180.0/22"]);
    is("\tdeny  2001:db8::/32 ; # bad", &["2001:db8::/32"]);
    is("deny 192.0.2.7;", &["192.0.2.7/32"]);
}

#[test]
fn what_nginx_allows_is_an_exception() {
    is("allow 192.0.2.0/24;", &[]);
    is("allow all;", &[]);
    let conf = "deny 192.0.2.0/24; allow 192.0.2.7;\nallow 2001:db8::/32;\nallow all;\n";
    reads(conf, &[(1, "192.0.2.0/24")], &[]);
    assert_eq!(exceptions(conf), ["192.0.2.7/32", "2001:db8::/32"]);
}

#[test]
fn nginx_denies_networks_in_whole_statements() {
    is("deny 192.0.2.0/24; deny 198.51.100.7;", &["192.0.2.0/24", "198.51.100.7/32"]);
    is_rejected("deny all;", 6, NotAnAddress);
    is_rejected("deny unix:;", 6, NotAnAddress);
    is_rejected("deny 192.0.2.0/24 x;", 19, TrailingText);
    is_rejected("deny 192.0.2.1-192.0.2.9;", 25, TrailingText);
    // Of a line of which one statement is not understood, nothing is read.
    is_rejected("deny 192.0.2.0/24; deny x;", 25, NotAnAddress);
    for line in ["deny 192.0.2.0/24", "deny 192.0.2.0/24; return 403;", "deny"] {
        let (entries, rejected) = scan(format!("deny 192.0.2.7;\n{line}\n"));
        assert_eq!((entries.len(), rejected.len()), (1, 1), "{line}");
    }
}

#[test]
fn a_geo_block_of_nginx_has_the_networks_of_value_1() {
    let conf = "geo $bad {\n  default 0;\n  ranges;\n  192.0.2.1-192.0.2.9 1; 10.0.0.0/8 0;\n\
                \tproxy 192.168.0.0/16;\n  198.51.100.0/24 \"\"; # x\n  2001:db8::/32 '1';\n}\n";
    reads(conf, &[(4, "192.0.2.1-192.0.2.9"), (7, "2001:db8::/32")], &[]);
    assert_eq!(exceptions(conf), ["10.0.0.0/8", "198.51.100.0/24"]);
    reads(
        "geo $remote_addr $bad { 192.0.2.7 1; }\nallow 192.0.2.9;\n",
        &[(1, "192.0.2.7/32")],
        &[],
    );
    reads(
        "map $x $bad {\n192.0.2.0/24 1;\n10.0.0.0/8\n}\ndeny 192.0.2.7;\n",
        &[(5, "192.0.2.7/32")],
        &[
            (1, 1, NotOfTheFormat("nginx")),
            (2, 1, UnknownBlock),
            (3, 1, UnknownBlock),
            (4, 1, UnknownBlock),
        ],
    );
    reads("geo $bad {\n192.0.2.7 1;\n", &[(2, "192.0.2.7/32")], &[(1, 1, Unclosed)]);
    reads(
        "geo $bad {\n192.0.2.7 1; 192.0.2.8 1;\ndelete 192.0.2.7;\n}\n",
        &[(2, "192.0.2.8/32")],
        &[],
    );
    assert_eq!(scan("geo $bad,{\n192.0.2.7 1;\n}\ndeny 192.0.2.8;\n").0.len(), 1);
    // A value of the client.
    let (entries, _) = scan("geo $arg_x $bad {\n192.0.2.7 1;\n}\ndeny 192.0.2.8;\n");
    assert_eq!(entries, [(4, "192.0.2.8/32".into())]);
}

#[test]
fn a_geo_block_that_names_what_is_not_bad_is_no_list() {
    refused("geo $limited {\n default 1;\n 192.0.2.0/24 0;\n 198.51.100.7 1;\n}\n");
    refused("geo $whitelist {\n default 0;\n 192.0.2.0/24 1;\n}\n");
    refused("geo $a {\n192.0.2.0/24 1;\n}\ngeo $b {\n198.51.100.7 1;\n}\n");
}

#[test]
fn what_nginx_denies_in_one_place_is_not_denied_everywhere() {
    reads(
        "location /admin {\n\tdeny 192.0.2.0/24;\n\tallow all;\n}\ndeny 198.51.100.7;\n",
        &[(5, "198.51.100.7/32")],
        &[
            (1, 1, NotOfTheFormat("nginx")),
            (2, 2, UnknownBlock),
            (3, 2, UnknownBlock),
            (4, 1, UnknownBlock),
        ],
    );
    reads(
        "location /admin\n{\ndeny 192.0.2.0/24;\n}\n",
        &[],
        &[
            (1, 1, NotOfTheFormat("nginx")),
            (2, 1, NotOfTheFormat("nginx")),
            (3, 1, UnknownBlock),
            (4, 1, UnknownBlock),
        ],
    );
    reads(
        "map $x $bad {\n192.0.2.0/24 1;\n10.0.0.0/8\n}\ndeny 192.0.2.7;\n",
        &[(5, "192.0.2.7/32")],
        &[
            (1, 1, NotOfTheFormat("nginx")),
            (2, 1, UnknownBlock),
            (3, 1, UnknownBlock),
            (4, 1, UnknownBlock),
        ],
    );
}

// Apache

#[test]
fn what_apache_denies_is_an_entry() {
    is("Deny from 192.0.2.7", &["192.0.2.7/32"]);
    is("deny FROM 192.0.2.0/24 198.51.100.0/255.255.255.0", &["192.0.2.0/24", "198.51.100.0/24"]);
    is("Deny from 192.0.2 10 172.20.", &["192.0.2.0/24", "10.0.0.0/8", "172.20.0.0/16"]);
    is("Require not ip 2001:db8::/32 192.0.2", &["2001:db8::/32", "192.0.2.0/24"]);
    is_rejected("Deny from all", 11, NotAnAddress);
    is_rejected("Deny from env=bad", 11, Reason::NotAnAddress);
    is_rejected("Deny from 192.0.2.7 bad.example", 21, NotAnAddress);
    is_rejected("Require not host bad.example", 9, OtherAction);
    is_rejected("Deny from 192.0.2.7,192.0.2.8", 20, TrailingText);
    is_rejected("Deny from 256.1", 11, Reason::OctetTooLarge);
}

#[test]
fn what_apache_allows_is_an_exception() {
    let conf = "Order Allow,Deny\nAllow from all\nDeny from 192.0.2\nAllow from 192.0.2.7\n\
                Require ip 192.0.2.8\nRequire all granted\nRequire valid-user\nRewriteEngine On\n";
    reads(conf, &[(3, "192.0.2.0/24")], &[]);
    assert_eq!(exceptions(conf), ["192.0.2.7/32", "192.0.2.8/32"]);
}

#[test]
fn a_file_that_only_lets_pass_has_nothing_to_drop() {
    for text in [
        "Order Deny,Allow\nAllow from 192.0.2.5\n",
        "allow 192.0.2.5;\nallow all;\n",
        "*filter\n-A INPUT -s 192.0.2.5/32 -j ACCEPT\nCOMMIT\n",
        "*filter\n-A INPUT -s 192.0.2.5/32 -p tcp --dport 22 -j DROP\nCOMMIT\n",
        "DOMAIN-SUFFIX,ads.example\nDOMAIN,ads.example.com\n",
    ] {
        let error = refused(text);
        assert!(error.contains("nothing to drop"), "{text}: {error}");
    }
}

#[test]
fn a_container_of_apache_says_where_a_line_counts() {
    let within = |open: &str, line: &str, close: &str| {
        scan(format!("# x\n{open}\n{line}\n{close}\nDeny from 192.0.2.9\nDeny from 192.0.2.8\n"))
    };
    for (open, close) in [
        ("<RequireAll>", "</RequireAll>"),
        ("<IfModule !mod_authz_core.c>", "</IfModule>"),
        ("<Limit GET POST HEAD>", "</limit>"),
    ] {
        let (entries, rejected) = within(open, "Require not ip 192.0.2.7", close);
        assert_eq!((entries.len(), rejected.len()), (3, 0), "{open}");
    }
    for (open, close) in [
        ("<Files \"x\">", "</Files>"),
        ("<Location />", "</Location>"),
        ("<Limit PUT>", "</Limit>"),
        ("<LimitExcept GET POST>", "</LimitExcept>"),
        ("<Directory x>\n<IfModule x>", "</IfModule>\n</Directory>"),
    ] {
        let (entries, rejected) = within(open, "Deny from 192.0.2.7", close);
        assert_eq!(entries.len(), 2, "{open}");
        assert!(rejected.len() >= 3, "{open}");
    }
    let (entries, _) = within("<RequireNone>", "Require ip 192.0.2.7", "</RequireNone>");
    assert_eq!(entries.len(), 3);
    let (entries, rejected) = within("<RequireAny>", "Require not ip 192.0.2.7", "</RequireAny>");
    assert_eq!((entries.len(), rejected.len()), (2, 1));
    let any = "<RequireAny>\nRequire ip 192.0.2.5\n<RequireAll>\nRequire not ip 192.0.2\n\
               </RequireAll>\n</RequireAny>\n";
    reads(any, &[(4, "192.0.2.0/24")], &[]);
    assert_eq!(exceptions(any), ["192.0.2.5/32"]);
}

// Postfix

#[test]
fn what_postfix_rejects_is_an_entry() {
    for action in ["REJECT", "reject spam from 192.0.2.9", "550 no", "421 4.7.1 later", "5.7.1 no"]
    {
        let (entries, rejected) = scan(format!("198.51.100.7 REJECT\n192.0.2.0/24\t{action}\n"));
        assert_eq!((entries.len(), rejected), (2, vec![]), "{action}");
    }
    for action in ["OK", "dunno", "PERMIT", "permit_mynetworks, reject", "1234567", "RELAY"] {
        let table = format!("198.51.100.7 REJECT\n192.0.2.0/24\t{action}\n");
        assert_eq!(exceptions(&table), ["192.0.2.0/24"], "{action}");
        assert_eq!(scan(&table).0.len(), 1, "{action}");
    }
    for action in
        ["WARN x", "FILTER smtp:x", "DISCARD", "550", "reject_rbl_client x", "greylist", "DEFER"]
    {
        let table = format!("198.51.100.7 REJECT\n192.0.2.0/24\t{action}\n192.0.2.9 REJECT\n");
        let wanted = [(1, "198.51.100.7/32"), (3, "192.0.2.9/32")];
        reads(&table, &wanted, &[(2, 14, OtherAction)]);
    }
}

#[test]
fn more_actions_that_are_not_read_than_others_make_no_plain_list_of_a_table() {
    let table = "198.51.100.0/24 REJECT\n203.0.113.0/24 permit_x, reject\n192.0.2.0/24 WARN odd\n\
                 192.0.2.64/26 PREPEND X-Seen: yes\n198.18.0.0/15 HOLD\n";
    assert_eq!(scan(table).0, [(1, "198.51.100.0/24".into())]);
    assert_eq!(exceptions(table), ["203.0.113.0/24"]);
}

#[test]
fn a_pattern_of_postfix_with_a_condition_is_rejected() {
    reads(
        "192.0.2.7 REJECT\n!192.0.2.0/24 REJECT\nif 10.0.0.0/8\n10.1.0.0/16 REJECT\nendif\n\
         192.0.2.9 REJECT for\n  this reason\n  192.0.2.10 REJECT\n",
        &[(1, "192.0.2.7/32"), (6, "192.0.2.9/32")],
        &[
            (2, 1, OtherAction),
            (4, 1, UnknownBlock),
            (8, 3, NotOfTheFormat("Postfix access table")),
        ],
    );
}

// squid

#[test]
fn a_range_of_squid_may_have_the_mask_of_a_host_and_no_other() {
    let acl = |value: &str| scan(format!("acl bad src {value}\nhttp_access deny bad\n"));
    for (value, wanted) in [
        ("192.0.2.1-192.0.2.9", "192.0.2.1-192.0.2.9"),
        ("192.0.2.1-192.0.2.9/32", "192.0.2.1-192.0.2.9"),
        ("-n 192.0.2.1-192.0.2.9/255.255.255.255 # x", "192.0.2.1-192.0.2.9"),
        ("2001:db8::1-2001:db8::9/128", "2001:db8::1-2001:db8::9"),
    ] {
        assert_eq!(acl(value), (vec![(1, wanted.to_string())], vec![]), "{value}");
    }
    // With another mask squid means more than the two addresses.
    for (value, column) in [
        ("192.0.2.1-192.0.2.9/24", 32),
        ("192.0.2.0-192.0.3.0/255.255.255.0", 32),
        ("192.0.2.1-192.0.2.9/33", 32),
        ("192.0.2.1-192.0.2.9/0.0.0.0", 32),
        ("192.0.2.1-192.0.2.9/24/x", 32),
        ("2001:db8::-2001:db8:1::/48", 36),
    ] {
        let rejected = vec![(1, column, TrailingText)];
        assert_eq!(acl(value), (vec![], rejected), "{value}");
    }
    reads("192.0.2.7\n192.0.2.1-192.0.2.9/24\n", &[(1, "192.0.2.7/32")], &[(2, 20, TrailingText)]);
}

#[test]
fn a_hardware_address_is_no_short_form_of_rbldnsd() {
    for address in ["00:11:22:33:44:55", "02:00:5e:10", "00:11:22:33:44:55/48"] {
        let text = format!("$SOA 1 a b 1 1 1 1 1\n192.0.2.7\n{address} :2:text\n");
        reads(&text, &[(2, "192.0.2.7/32")], &[(3, 1, Reason::HardwareAddress)]);
    }
    reads("$SOA 1 a b 1 1 1 1 1\n2001:db8\n", &[(2, "2001:db8::/32")], &[]);
}

#[test]
fn an_acl_of_squid_is_read_if_squid_denies_it() {
    let conf =
        |access: &str| format!("acl bad src 192.0.2.7 198.51.100.0/24\n{access}\nhttp_port 3128\n");
    let wanted = [(1, "192.0.2.7/32"), (1, "198.51.100.0/24")];
    reads(&conf("http_access deny bad"), &wanted, &[]);
    for access in
        ["", "http_access deny !bad", "http_access deny bad CONNECT", "http_access allow bad"]
    {
        assert_eq!(scan(conf(access)).0, [], "{access}");
    }
    let both = conf("http_access deny bad\nhttp_access allow bad");
    refused(both);
    let two = conf("acl worse src 192.0.2.9\nhttp_access deny bad\nhttp_access deny worse");
    refused(two);
    let chosen = |name: &str, text: String| {
        let mut found = Vec::new();
        List::new("list", text.into_bytes())
            .to_read(list::Purpose::Drop, &[name.to_string()])
            .scan(|_, entry, _| found.push(entry.to_string()), |_, _, _| {});
        found
    };
    assert_eq!(chosen("bad", conf("acl x src 192.0.2.9")), ["192.0.2.7/32", "198.51.100.0/24"]);
    let file = conf("acl bad src \"/etc/bad\"\nacl SSL port 443\nhttp_access deny bad");
    reads(&file, &wanted, &[(2, 13, NotAnAddress)]);
}

// rbldnsd

#[test]
fn rbldnsd_has_short_forms_of_networks_and_ranges() {
    let zone = |line: &str| scan(format!("$SOA 3000 ns.example admin.example 0 1 1 1 1\n{line}\n"));
    for (line, wanted) in [
        ("127.0.0.0/24", "127.0.0.0/24"),
        ("127.0.0", "127.0.0.0/24"),
        ("127/24", "127.0.0.0/24"),
        ("127-127.0.0", "127.0.0.0/24"),
        ("127.0.0.1-255", "127.0.0.1-127.0.0.255"),
        ("127.16-31", "127.16.0.0/12"),
        ("127.16.0-31", "127.16.0.0/19"),
        ("127.16/12 :3:text", "127.16.0.0/12"),
        ("127/8 ; loopback", "127.0.0.0/8"),
        ("203.0.113.4-9 text with 192.0.2.7", "203.0.113.4-203.0.113.9"),
        ("2001:21ab:c000/36", "2001:21ab:c000::/36"),
        ("2001:21ab:def7:4242 :127.0.1.3: x", "2001:21ab:def7:4242::/64"),
        ("2605:6001:42::/52", "2605:6001:42::/52"),
    ] {
        assert_eq!(zone(line), (vec![(2, wanted.to_string())], vec![]), "{line}");
    }
    for (line, reason) in [
        ("127.0.0.9-1", ReversedRange),
        ("127.0.0.256", NotFourOctets),
        ("127.0.0.1.2", NotFourOctets),
        ("127.00.0.1", NotFourOctets),
        ("bad.example", NotOfTheFormat("rbldnsd")),
        ("7.2.0.192 IN A 127.0.0.2", NotOfTheFormat("rbldnsd")),
    ] {
        assert_eq!(zone(line), (vec![], vec![(2, 1, reason)]), "{line}");
    }
}

#[test]
fn what_rbldnsd_excludes_is_an_exception_and_what_is_good_is_rejected() {
    let zone = ":127.0.0.2:Blocked, see http://example.com/remove?$\n198.51.100.0/24\n!198.51.100.25\n\
                203.0.113.7 :3:whitelisted\n:127.0.0.9:Allowed\n203.0.113.8\n203.0.113.9 :2:bad\n";
    let wanted = [(2, "198.51.100.0/24"), (7, "203.0.113.9/32")];
    reads(zone, &wanted, &[(4, 13, Reason::Verdict), (6, 1, Reason::Verdict)]);
    assert_eq!(exceptions(zone), ["198.51.100.25/32"]);
}

#[test]
fn each_dataset_of_rbldnsd_is_a_set() {
    let one = "$SOA 1w ns.example admin.example 0 2h 2h 1w 1h\n$DATASET ip4set:proxy proxies @\n192.0.2.7\n\
               $DATASET generic:common @\n@ A 127.0.0.1\n";
    reads(one, &[(3, "192.0.2.7/32")], &[]);
    let two = format!("{one}$DATASET ip4set:relay relays\n192.0.2.8\n");
    refused(two);
}

// hosts.deny

#[test]
fn what_all_daemons_deny_is_an_entry() {
    is("ALL: 192.0.2.7", &["192.0.2.7/32"]);
    is(
        "all : 192.0.2.7 198.51.100. , 203.0.113.0/255.255.255.0",
        &["192.0.2.7/32", "198.51.100.0/24", "203.0.113.0/24"],
    );
    is("ALL: [2001:db8::]/32, [2001:db8::7] : deny", &["2001:db8::/32", "2001:db8::7/128"]);
    reads(
        "ALL: 192.0.2.7, \\\n  192.0.2.8\nALL: 192.0.2.9\n",
        &[(1, "192.0.2.7/32"), (1, "192.0.2.8/32"), (3, "192.0.2.9/32")],
        &[],
    );
    assert_eq!(exceptions("ALL: 192.0.2.\nsshd: 192.0.2.7 : allow\n"), ["192.0.2.7/32"]);
}

#[test]
fn what_one_daemon_denies_or_a_name_is_rejected() {
    let rejected = |line: &str, column: usize, reason: Reason| {
        reads(
            &format!("ALL: 203.0.113.7\n{line}\n"),
            &[(1, "203.0.113.7/32")],
            &[(2, column, reason)],
        );
    };
    rejected("sshd: 192.0.2.7", 1, Reason::Verdict);
    rejected("ALL EXCEPT sshd: 192.0.2.7", 1, Reason::Verdict);
    rejected("ALL: 192.0.2. EXCEPT 192.0.2.7", 15, Reason::Verdict);
    rejected("ALL: 192.0.2.7 : spawn /bin/x", 17, OtherAction);
    rejected("ALL: ALL", 6, NotAnAddress);
    rejected("ALL: .example.com", 6, NotAnAddress);
    rejected("ALL: 192.0.2.7, bad.example", 17, NotAnAddress);
    rejected("ALL: 192.0.2.*", 14, NotFourOctets);
    rejected("ALL: [2001:db8::]x", 6, Reason::NotAnIpv6Address);
    rejected("ALL: 2001:db8::7", 11, OtherAction);
    rejected("ALL:", 5, NotAnAddress);
}

#[test]
fn a_hosts_allow_file_is_no_list() {
    let text = "# /etc/hosts.allow: list of hosts that are allowed to access the system.
ALL: 192.0.2.7
";
    let error = refused(text);
    assert!(error.contains("hosts.allow"), "{error}");
    let deny = text.replace("hosts.allow", "hosts.deny, see hosts.allow");
    assert_eq!(scan(deny).0.len(), 1);
}

// csf

#[test]
fn an_advanced_line_of_csf_is_narrower_and_rejected() {
    let (entries, rejected) =
        scan("192.0.2.7 # lfd: (sshd) x\ntcp|in|d=22|s=192.0.2.8\n192.0.2.9\n");
    assert_eq!(entries, [(1, "192.0.2.7/32".into()), (3, "192.0.2.9/32".into())]);
    assert_eq!(rejected.len(), 1);
}

// Lines that no format can read

#[test]
fn a_line_that_is_too_long_or_has_a_nul_byte_is_rejected_in_each_format() {
    for line in [
        "deny 192.0.2.7;",
        "iptables -A INPUT -s 192.0.2.7 -j DROP",
        "1784798042|100|4|192.0.2.7",
        "192.0.2.7 - -",
        "IP-CIDR,192.0.2.7/32",
        "ALL: 192.0.2.7",
        "Deny from 192.0.2.7",
        "192.0.2.7 REJECT",
        "192.0.2.7 :3:text",
        "acl bad src 192.0.2.7\nhttp_access deny bad",
    ] {
        let long = "x".repeat(5000);
        let text = format!("{line}\n{line}\n{long}\n\0\n");
        let reasons: Vec<_> = scan(&text).1.into_iter().map(|(.., reason)| reason).collect();
        assert_eq!(reasons, [TooLong, Nul], "{line}");
    }
}

#[test]
fn no_cut_and_no_sign_in_a_line_of_these_formats_ends_the_program() {
    let texts = [
        "geo $bad {\ndefault 0; 192.0.2.7 1;\n}\nallow 192.0.2.9;\n",
        "sudo $IPT -t raw -I INPUT 1 -s '192.0.2.7,192.0.2.9' -j DROP\niptables -D INPUT -s 192.0.2.7 -j DROP\n",
        "<RequireAll>\nRequire not ip 192.0.2 10.0.0.0/8\n</RequireAll>\nAllow from all\n",
        "192.0.2.0/24 REJECT x\nif 10.0.0.0/8\n!10.1.0.0/16 OK\nendif\n",
        "acl bad src -n 192.0.2.0-192.0.3.0/255.255.255.0\nhttp_access deny bad\n",
        "$SOA 1 a b\n:2:x\n192.0.2.1-9 :3:x\n!2001:db8/36\n$DATASET ip4set:a b\n127-128\n",
        "ALL: 192.0.2., [2001:db8::]/32 : deny\nsshd: 192.0.2.7 \\\n : allow\n",
        "192.0.2.7 - - src\n~00-00-5E-00-53-01\n+bad\n192.0.2.9 tcp 22 whitelist\n",
        "payload:\n - 'IP-CIDR,192.0.2.0/24,REJECT' # x\n - \"192.0.2.7\"\n",
        "1784798042|100|4|192.0.2.7\n1784798042|100|6|2001:db8::7\n",
        "Status for the jail: a\n   `- Banned IP list:\t192.0.2.7 198.51.100.7\n",
    ];
    for text in texts {
        for at in 0..text.len() {
            scan(&text[..at]);
            scan(&text[at..]);
            for sign in ["", "\0", "\n", "\"", "\\", "{", "}", "-", "9", " "] {
                scan([&text[..at], sign, &text[at + 1..]].concat());
            }
        }
    }
}
