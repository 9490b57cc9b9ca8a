ipset add bad 198.51.100.7
ipset add bad 192.0.2.9
ipset del bad 192.0.2.9
ipset -D bad 192.0.2.77
