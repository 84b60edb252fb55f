"""Classical methods to compare networks with, behind the same contracts."""
