"""The commands behind the launchers; they use systems through the registry only."""
