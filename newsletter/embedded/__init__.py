"""What a single machine needs to be complete: its own queue, its own processes, sample data."""
