#!/bin/sh
set -e
ipset create bad hash:net -exist
ipset flush bad
ipset add bad 198.51.100.7
ipset -A bad 203.0.113.0/24
ipset -exist add bad 192.0.2.9
ipset -! add bad 192.0.2.10
ipset add bad 192.0.2.11 -exist
