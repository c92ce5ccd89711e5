"""All tables in one place, for migrations and their test. Importing a package's models registers its tables."""

from newsletter.articles import models as articles
from newsletter.articles.drafts import models as article_drafts
from newsletter.core import key_fingerprints as keys
from newsletter.core.db import Base, public_content
from newsletter.core.db.dialect_index import apply_options
from newsletter.delivery.events import models as events
from newsletter.delivery.ledger import models as ledger
from newsletter.digests import models as digests
from newsletter.digests.links import models as links
from newsletter.mail import models as mail
from newsletter.public_record import models as public_record
from newsletter.staff import models as staff
from newsletter.subscribers import models as subscribers
from newsletter.support import models as support

MODELS = (
    *(articles, article_drafts, subscribers, digests, links, ledger, events, mail, support, public_record),
    *(keys, public_content, staff),
)
metadata = Base.metadata
apply_options(metadata)

_SEARCH = ("article_search", "digest_search")


def is_of_models(name: str | None, kind: str, _parents: object = None) -> bool:
    """Whether a table that was found in the database is one of the models (for Alembic's `include_name`).

    The indexes of the search are none: on SQLite each is a virtual table, with some more that FTS5 keeps it in.
    """
    return kind != "table" or name is None or not name.startswith(_SEARCH)
