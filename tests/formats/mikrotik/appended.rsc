/ip firewall address-list
add address=198.51.100.7 list=bad
add address=203.0.113.0/24 list=bad
192.0.2.9
