"""Events: what a provider or a mail server reports later about a mail, in our own words, and what follows from it."""
