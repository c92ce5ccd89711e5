"""Drafts of stories: what an editor writes before anything is public.

A draft is of a new story, or of a change to a published one, which has at most one. It keeps what was entered, right or
wrong, so that no word is lost; only publishing asks whether it is a story.
"""
