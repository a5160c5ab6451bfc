"""What the report of a run says, gathered from the history alone."""
