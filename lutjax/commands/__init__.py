"""What the launchers call; systems are known by the registry only."""
