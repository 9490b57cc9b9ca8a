/ip/firewall/address-list
add list=bad address=198.51.100.7
add list=bad address=203.0.113.0/24
