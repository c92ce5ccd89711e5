"""Digests: composing, preflight, scheduling, the lifecycle, and rendering once for all editions."""
