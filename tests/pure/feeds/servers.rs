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
fn what_nginx_allows_is_never_an_entry() {
    is_rejected("allow 192.0.2.0/24;", 1, Exception);
    is_rejected("allow all;", 1, Exception);
}

#[test]
fn nginx_denies_one_network_in_one_whole_line() {
    is_rejected("deny all;", 6, NotAnAddress);
    is_rejected("deny unix:;", 6, NotAnAddress);
    is_rejected("deny 192.0.2.0/24", 18, TrailingText);
    is_rejected("deny 192.0.2.0/2;x", 18, TrailingText);
    is_rejected("deny 192.0.2.0/24; deny 198.51.100.0/24;", 20, TrailingText);
    is_rejected("deny 192.0.2.1-192.0.2.9;", 25, TrailingText);
    is_rejected("deny from 192.0.2.0/24", 6, NotAnAddress);
    is_rejected("deny", 5, NotAnAddress);
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
        "geo $bad {\n192.0.2.0/24 1;\n10.0.0.0/8\n}\n",
        &[],
        &[(1, 1, NotAnAddress), (2, 1, UnknownBlock), (3, 1, UnknownBlock), (4, 1, UnknownBlock)],
    );
}
