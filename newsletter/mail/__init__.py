"""The mail room: MJML, encoding, transports, and the outgoing table for single mails. It knows no readers."""
