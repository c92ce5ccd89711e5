"""Reading why a mail failed: the mailbox, the moment, or us. Bounce reports, SMTP answers and SendGrid's events.

This package sits in `mail` since both senders (delivery.sending, the transports) and readers of events use it.
"""
