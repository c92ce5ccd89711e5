"""The settings: declared once, read once from the environment, typed and frozen.

`settings` declares them; `environment` reads them; `parsing` says which values are allowed.
"""

from newsletter.core.config.environment import from_environment, read_setting
from newsletter.core.config.parsing import SECONDS_OF_RATE_UNIT, RateLimit
from newsletter.core.config.settings import HYPE_LABELS, NAMES, TRANSPORTS, Settings, declared_settings

__all__ = [
    "HYPE_LABELS",
    "NAMES",
    "SECONDS_OF_RATE_UNIT",
    "TRANSPORTS",
    "RateLimit",
    "Settings",
    "declared_settings",
    "from_environment",
    "read_setting",
]
