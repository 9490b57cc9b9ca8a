iptables -A INPUT -s 192.0.2.1 -j DROP
iptables -F INPUT
iptables -A INPUT -s 198.51.100.7 -j DROP
