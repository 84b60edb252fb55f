"""What the systems that restore pictures share."""
