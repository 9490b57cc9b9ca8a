/ip firewall address-list
add address=198.51.100.7 list=allowed_to_router
add address=203.0.113.0/24 list=allowed_to_router
