/ip firewall address-list
add address=198.51.100.7 list=bad
add address=192.0.2.0/24 list=support
