"""stub to be replaced"""
from typing import Any
class MaildirTransport:
    def __init__(self, *a: Any) -> None: ...
