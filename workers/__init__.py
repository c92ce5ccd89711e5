"""RQ entry points: job bodies of two lines, the worker, the clock."""
