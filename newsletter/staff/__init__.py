"""The staff: people with an account at the desk, how they sign in, what each role may do, and the audit log.

It stands beside articles and subscribers and knows neither.
"""
