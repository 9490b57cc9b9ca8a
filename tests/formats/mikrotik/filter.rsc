/ip firewall filter
add action=drop chain=input src-address=198.51.100.7
add action=accept chain=input src-address=192.0.2.0/24
