rule x { strings: $a = "198.51.100.7" condition: $a }
