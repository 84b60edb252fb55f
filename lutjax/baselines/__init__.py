"""Classical rivals of the networks, behind the same contracts."""
