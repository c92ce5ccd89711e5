"""The one way in which the service fetches what other people named: link checks, and whatever comes later.

Addresses that people typed may lead anywhere, also into the network that the service stands in. So each name is
resolved once, every address of it must be public, the connection goes to that very address, and each redirect is
looked at in the same way. A fetch takes no proxy from the environment and no cookies, and ends by a deadline.
"""

from newsletter.core.fetching.failures import FetchError, FetchFailure
from newsletter.core.fetching.fetcher import FetchedPage, Fetcher
from newsletter.core.fetching.public_addresses import is_public

__all__ = ["FetchError", "FetchFailure", "FetchedPage", "Fetcher", "is_public"]
