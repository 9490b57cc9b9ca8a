ipset add bad 198.51.100.7
ipset add ok 192.0.2.9
