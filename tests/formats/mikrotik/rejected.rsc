/ip firewall address-list
add address=198.51.100.7 list=bad
add address=bad.example.com list=bad
add list=bad
add address=192.0.2.1,192.0.2.2 list=bad
add address=203.0.113.0/24 list=bad
