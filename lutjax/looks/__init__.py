"""What the systems that learn looks share: sources, sampling, scoring, reports."""
