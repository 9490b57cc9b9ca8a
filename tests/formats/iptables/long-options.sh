iptables --append INPUT --source 198.51.100.7 --jump DROP
iptables -t raw -A PREROUTING -s 203.0.113.0/24 -j DROP
iptables -w -A INPUT --src 192.0.2.9 -j DROP
