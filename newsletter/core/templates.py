"""The folder of the templates: at the top of a checkout, inside the package in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_CHECKOUT = _PACKAGE.parent / "templates"

TEMPLATES = (
    _CHECKOUT if _CHECKOUT.is_dir() and (_CHECKOUT.parent / "pyproject.toml").is_file() else _PACKAGE / "templates"
)
"""The folder of `web/` and `mail/`."""
