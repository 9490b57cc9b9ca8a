//! Configurations of firewalls and routers, each by its own words.

use super::Refused;
use super::look::{
    Look, Text, is_any, is_host, is_network, is_number, is_place, is_wildcard, split_once, v4,
};
use crate::list::grammar::Found;

/// A few names may have thousands of networks, so that nearly all lines are plain.
pub const DEFINITIONS: Refused = Refused::new(
    "definitions of networks (capirca or aerleon)",
    "lines of a name in capitals, = and a network, and networks indented below it",
    "a policy says which of the names are denied, and names such as INTERNAL are of good networks; take the \
         networks of one name, here of NAME: \
         awk '/^[A-Z]/ {on = $1 == \"NAME\"; sub(/^[^=]*=/, \"\")} on && $1 ~ /^[0-9a-f]*[.:]/ {print $1}' FILE",
    definition,
);

pub static KINDS: &[Refused] = &[
    Refused::new(
        "objects of a Cisco ASA (object-group network)",
        "lines with network-object or object-group network",
        "take the networks of all its groups, if all are to be dropped: \
         awk '$1 == \"network-object\" {print $2 == \"host\" ? $3 : $2 \"/\" $3}' FILE",
        asa,
    ),
    Refused::new(
        "a Cisco configuration with routes to Null0",
        "lines of ip route, a network, its mask and Null0",
        "take the networks of these routes: \
         awk '$1 == \"ip\" && $2 == \"route\" && $5 == \"Null0\" {print $3 \"/\" $4}' FILE",
        |text| {
            let is_route = text.first_are(&[b"ip", b"route"]) && is_host(text.word(2));
            let is_null = text.word(4).eq_ignore_ascii_case(b"Null0");
            Look::sign(is_route && is_null).or_part(is_route || cisco_part(text))
        },
    ),
    Refused::new(
        "a Cisco access list",
        "lines with access-list, or of permit or deny, a protocol, and a network with its wildcard mask",
        "the order of permit and deny lines decides, so no program can take the networks without it; write \
         those that are to be dropped to a list, one a line",
        access_list,
    ),
    Refused::new(
        "a prefix list of a router",
        "lines of ip prefix-list or ipv6 prefix-list, a name, and permit or deny",
        "take the networks of the lines that permit, if these are to be dropped: \
         sed -nE 's/^ip(v6)? prefix-list .* permit ([^ ]+).*/\\2/p' FILE",
        |text| {
            let is_list = matches!(text.word(0), b"ip" | b"ipv6") && text.word(1) == b"prefix-list";
            Look::sign(
                is_list && (text.has(b"permit") || text.has(b"deny") || text.has(b"description")),
            )
            .or_part(text.begins(b"!"))
        },
    ),
    Refused::new(
        "a prefix set of Cisco IOS XR",
        "the lines prefix-set NAME and end-set, and networks with le or ge between them",
        "take its networks, if all are to be dropped: \
         awk '$1 ~ /\\// {sub(/,$/, \"\", $1); print $1}' FILE",
        prefix_set,
    ),
    Refused::new(
        "a Juniper configuration (set commands)",
        "lines that begin with set policy-options, set firewall or set security",
        "take the networks of one prefix list, here of NAME: \
         awk '$3 == \"prefix-list\" && $4 == \"NAME\" {print $5}' FILE",
        |text| {
            let is_set = text.word(0) == b"set"
                && is_any(text.word(1), &["policy-options", "firewall", "security"]);
            let is_other = matches!(text.word(0), b"set" | b"delete" | b"deactivate");
            Look::sign(is_set).or_part(is_other && text.words().len() > 2)
        },
    ),
    Refused::new(
        "a Juniper configuration",
        "blocks such as prefix-list NAME { and policy-options {",
        "take the networks of one prefix list, here of NAME: \
         awk '/prefix-list NAME [{]/,/}/ {if (sub(/;$/, \"\")) print $1}' FILE",
        juniper,
    ),
    Refused::new(
        "a Fortinet configuration",
        "lines such as config firewall address, edit and set subnet",
        "it names objects, and other lines which of them are denied; take the networks of all objects, if all \
         are to be dropped: awk '$1 == \"set\" && $2 == \"subnet\" {print $3 \"/\" $4}' FILE",
        fortinet,
    ),
    Refused::new(
        "a PAN-OS configuration",
        "lines of set address, a name, and ip-netmask, ip-range or fqdn",
        "it names objects, and other lines which of them are denied; take the networks of all objects, if all \
         are to be dropped: awk '$1 == \"set\" && $(NF - 1) ~ /^ip-(netmask|range)$/ {print $NF}' FILE",
        |text| {
            let kinds = ["ip-netmask", "ip-range", "fqdn"];
            let is_address = text.word(0) == b"set" && text.has(b"address");
            let is_object = is_address && text.words().iter().any(|word| is_any(word, &kinds));
            Look::sign(is_object).or_part(text.word(0) == b"set" && text.words().len() > 2)
        },
    ),
    Refused::new(
        "commands of a Check Point firewall",
        "lines with mgmt_cli add host or mgmt_cli add network, or of fw sam",
        "take the hosts, if all are to be dropped: \
         sed -nE 's/.* add host .*ip-address \"?([0-9a-fA-F.:]+).*/\\1/p' FILE",
        |text| {
            let is_add = text.has(b"add") && (text.has(b"host") || text.has(b"network"));
            let is_fw = text.first_are(&[b"fw", b"sam"]) || text.first_are(&[b"fw", b"samp"]);
            Look::sign(text.word(0) == b"mgmt_cli" && is_add || is_fw)
                .or_part(text.word(0) == b"mgmt_cli")
        },
    ),
    Refused::new(
        "a Huawei configuration",
        "lines of acl number or acl name, and of rule, a number, permit or deny, and source",
        "the order of permit and deny lines decides, so no program can take the networks without it; write \
         those that are to be dropped to a list, one a line",
        |text| {
            let is_acl = text.word(0) == b"acl" && matches!(text.word(1), b"number" | b"name");
            let is_rule = text.word(0) == b"rule" && (text.has(b"permit") || text.has(b"deny"));
            Look::sign(is_acl || is_rule).or_part(matches!(text.text, b"#" | b"return" | b"quit"))
        },
    ),
    DEFINITIONS,
    Refused::new(
        "networks with wildcard masks (198.51.100.0 0.0.0.255)",
        "lines of an address and a mask whose ones are behind",
        "write the masks the other way round: \
         awk -F'[/ \\t]+' '{split($2, m, \".\"); print $1 \"/\" 255-m[1] \".\" 255-m[2] \".\" 255-m[3] \".\" 255-m[4]}' FILE",
        wildcard,
    ),
];

fn definition(text: &Text<'_>) -> Look {
    let is_name = |word: &[u8]| {
        word.first().is_some_and(u8::is_ascii_uppercase)
            && word.iter().all(|byte| {
                byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_-.".contains(byte)
            })
    };
    let is_head = !text.is_indented() && is_name(text.word(0)) && text.word(1) == b"=";
    let at = if is_head { 2 } else { 0 };
    let ends = text.words().get(at + 1).is_none_or(|word| word.starts_with(b"#"));
    let is_value = ends && (is_place(text.word(at)) || is_name(text.word(at)));
    Look::sign(is_head && ends && is_place(text.word(2)))
        .or_part(is_value && (is_head || text.is_indented()))
}

fn asa(text: &Text<'_>) -> Look {
    let is_group =
        text.first_are(&[b"object-group", b"network"]) || text.word(0) == b"network-object";
    let is_part = is_any(
        text.word(0),
        &["object-group", "group-object", "object", "host", "subnet", "description"],
    );
    Look::sign(is_group).or_part(is_part || cisco_part(text))
}

/// What stands in all configurations of Cisco.
fn cisco_part(text: &Text<'_>) -> bool {
    let words = [
        "exit",
        "end",
        "remark",
        "interface",
        "hostname",
        "version",
        "no",
        "router",
        "line",
        "ip",
        "ipv6",
    ];
    text.begins(b"!") || is_any(text.word(0), &words)
}

fn access_list(text: &Text<'_>) -> Look {
    let is_list = text.word(0) == b"access-list"
        || text.first_are(&[b"ip", b"access-list"])
        || text.first_are(&[b"ipv6", b"access-list"]);
    // Lines may be numbered.
    let first = usize::from(is_number(text.word(0)));
    let is_verdict = matches!(text.word(first), b"permit" | b"deny");
    let protocols = ["ip", "ipv6", "ipv4", "tcp", "udp", "icmp", "any", "host", "gre", "esp"];
    let behind = text.word(first + 1);
    let is_target = is_any(behind, &protocols)
        || v4(behind).is_some()
            && (text.words().len() == first + 2 || is_wildcard(text.word(first + 2)));
    let is_part = cisco_part(text) || first == 1 && text.word(1) == b"remark";
    Look::sign(is_list || is_verdict && is_target && !text.text.ends_with(b";")).or_part(is_part)
}

fn prefix_set(text: &Text<'_>) -> Look {
    let is_frame = text.word(0) == b"prefix-set" || text.words() == [b"end-set"];
    let place = text.word(0);
    let place = place.strip_suffix(b",").unwrap_or(place);
    let is_member = is_place(place)
        && (text.words().len() == 1 || matches!(text.word(1), b"le" | b"ge" | b"eq"));
    Look::sign(is_frame).or_part(is_member || text.begins(b"!"))
}

fn juniper(text: &Text<'_>) -> Look {
    let line = text.text.trim_ascii();
    let opens = line.ends_with(b"{");
    let is_list =
        matches!(text.word(0), b"prefix-list" | b"policy-options" | b"policy-statement") && opens;
    let member = line.strip_suffix(b";").is_some_and(is_network);
    let words = [
        "from",
        "then",
        "term",
        "filter",
        "family",
        "firewall",
        "source-address",
        "source-prefix-list",
    ];
    let is_part = line == b"}"
        || member
        || is_any(text.word(0), &words)
        || line.starts_with(b"/*")
        || is_any(line, &["discard;", "accept;", "reject;"]);
    Look::sign(is_list).or_part(is_part)
}

fn fortinet(text: &Text<'_>) -> Look {
    let is_sign = text.first_are(&[b"config", b"firewall"]) || text.first_are(&[b"set", b"subnet"]);
    let is_part =
        is_any(text.word(0), &["config", "edit", "set", "unset", "next", "end", "append"]);
    Look::sign(is_sign).or_part(is_part)
}

fn wildcard(text: &Text<'_>) -> Look {
    let (host, mask) = match text.words() {
        [both] => match split_once(both, b'/') {
            Some(both) => both,
            None => return Look::Other,
        },
        [host, mask] => (*host, *mask),
        _ => return Look::Other,
    };
    let is_mask = v4(host).is_some() && is_wildcard(mask);
    let is_plain = matches!(text.line.found, Ok(Found::Entry(..)));
    let is_everything = matches!(mask, b"0.0.0.0" | b"255.255.255.255");
    Look::sign(is_mask && !is_everything && !is_plain).or_part(is_mask && !is_plain)
}
