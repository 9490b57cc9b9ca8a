/ip firewall address-list
add address=198.51.100.7 list="my bad hosts"
add address="203.0.113.0/24" list="my bad hosts"
