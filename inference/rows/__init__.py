"""What the rows of a campaign say before any fit: conditions, ranges, copies, contradictions."""
