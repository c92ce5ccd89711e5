"""The parts that complete a single machine: its own queue, its own processes, sample data."""
