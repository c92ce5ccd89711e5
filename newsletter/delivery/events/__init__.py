"""Events: reports of providers and mail servers about a mail, in the project's own words, and their consequences."""
