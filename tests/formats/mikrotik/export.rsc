# 2026-11-28 10:00:00 by RouterOS 7.16
# software id = ABCD-1234
#
/ip firewall address-list
add address=198.51.100.7 list=blocklist
add address=203.0.113.0/24 comment="two words" list=blocklist
add address=192.0.2.10-192.0.2.19 list=blocklist timeout=1d
