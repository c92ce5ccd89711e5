"""stub to be replaced"""
from typing import Any
class SmtpTransport:
    def __init__(self, *a: Any) -> None: ...
