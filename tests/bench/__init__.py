"""`make bench`: what is measured is compared within one run, since machines and moments differ."""
