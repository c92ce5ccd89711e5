"""Curated stories and their public revisions."""
