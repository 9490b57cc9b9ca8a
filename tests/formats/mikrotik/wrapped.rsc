/ip firewall address-list
add address=198.51.100.7 comment="a long comment that fills the line" list=\
    bad
add address=203.0.113.0/24 list=bad
