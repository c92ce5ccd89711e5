"""The links of a digest: where they stand, whether they lead somewhere, and what is known of other people's servers."""
