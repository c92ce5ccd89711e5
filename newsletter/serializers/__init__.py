"""JSON shapes of the service's objects: one for each, whoever prints or sends it."""
