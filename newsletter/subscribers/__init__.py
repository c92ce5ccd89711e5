"""Readers: sign-up, confirmation, choices, leaving."""
