"""Letters: digests that went out, each at a permanent address, as they were sent and with what was corrected since."""
