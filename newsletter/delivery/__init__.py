"""Delivery: the audience, the ledger of batches, sending, recovery."""
