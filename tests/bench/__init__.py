"""`make bench`: figures are compared within one run, since machines and moments differ."""
