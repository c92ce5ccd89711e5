"""Mail: MJML, encoding, transports, and the outgoing table of transactional mails. It knows no subscribers."""
