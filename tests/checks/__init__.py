"""Checks of documents and words, and the programs that write what can be derived from the code."""
