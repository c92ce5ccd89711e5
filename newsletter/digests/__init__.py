"""Digests: composing, rendering once, editions."""
