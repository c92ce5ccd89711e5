"""stub to be replaced"""
from typing import Any
class SendGridTransport:
    def __init__(self, *a: Any) -> None: ...
