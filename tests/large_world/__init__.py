"""A service after years, for measuring the desk and for looking at it: a million readers, fifty thousand stories."""
