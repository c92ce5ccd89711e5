"""The base of all packages: settings, database, clock, errors, tokens, queue."""
