"""Work that runs by itself: the clock's tick, and the loops that workers run over sign-ups and transactional mails."""
