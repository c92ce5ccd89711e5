"""All tables of all rooms in one place, for migrations and their test."""

from newsletter.articles import models as articles
from newsletter.core.db import Base
from newsletter.delivery.events import models as events
from newsletter.delivery.ledger import models as delivery
from newsletter.digests import models as digests
from newsletter.mail import models as mail
from newsletter.subscribers import models as subscribers

ROOMS = (articles, subscribers, digests, delivery, events, mail)
metadata = Base.metadata
