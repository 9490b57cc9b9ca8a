#!/bin/bash
# block the scanners
iptables -N BLOCK
iptables -A BLOCK -s 198.51.100.7 -j DROP
iptables -I INPUT 1 -s 203.0.113.0/24 -j REJECT
iptables -I INPUT -s 192.0.2.9 -j DROP # x
/sbin/iptables -A BLOCK -s 192.0.2.10 -j DROP
