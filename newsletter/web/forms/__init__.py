"""Forms as they are filled in, by people and by programs, and what comes of a sign-up."""
