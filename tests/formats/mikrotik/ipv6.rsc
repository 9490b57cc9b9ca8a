/ipv6 firewall address-list
add address=2001:db8:bad::/48 list=bad
add list=bad address=2001:db8::7/128
