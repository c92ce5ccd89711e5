"""Endpoints that other services post to."""
