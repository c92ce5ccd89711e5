"""What every room stands on: settings, the database, the clock, errors, tokens, the queue."""
