"""Support through Ko-fi: payments, goals, costs, and supporters' words. It knows nothing of subscribers."""
