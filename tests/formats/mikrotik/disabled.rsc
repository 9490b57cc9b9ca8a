/ip firewall address-list
add address=198.51.100.7 list=bad
add address=192.0.2.9 disabled=yes list=bad
add disabled=no address=203.0.113.0/24 list=bad
add address=192.0.2.10 comment="disabled=yes list=other address=192.0.2.77" list=bad
