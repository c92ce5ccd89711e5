"""Chaos: a digest is sent while everything that can die or misbehave does, and then is counted where mail arrives."""
