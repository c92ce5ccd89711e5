"""Readers: sign-up, confirmation, preferences, leaving."""
