"""Hints: what to type next. The command line appends them to the messages of errors."""

from __future__ import annotations

from newsletter.core.errors import NewsletterError

HINTS: dict[str, str] = {
    "article.changes_not_one": "Give the page of that article alone.",
    "article.no_source": "`newsletter articles sources %(slug)s` lists them.",
    "article.not_found": "`newsletter articles list` shows all.",
    "article.not_corrected": '`newsletter articles import PAGE --correction "…"` makes one.',
    "article.not_serious": "`newsletter digests show ID` says what a digest would carry now.",
    "article.withdrawn": 'Import its page with --update "…".',
    "batch.not_in_doubt": "`newsletter digests show %(digest)s` lists the batches that are.",
    "database.empty": "Are DATABASE_URL and DATA_DIR right? `newsletter db upgrade` makes a new one ready.",
    "database.foreign": "Give this service one of its own with DATABASE_URL.",
    "database.newer": "Install that version, or restore a backup of this one's time.",
    "database.not_current": "Run `newsletter db upgrade` first.",
    "demo.data_is_not_demo": "Choose another folder with DATA_DIR=….",
    "demo.port_in_use": "Choose another one with PORT=…, for example PORT=%(next_port)s.",
    "digest.article_absent": "`newsletter digests show %(digest)s --json` lists the articles.",
    "digest.at_provider": "`newsletter digests pause %(digest)s` or `newsletter digests cancel %(digest)s`.",
    "digest.changed": "`newsletter digests show %(digest)s` shows how it is now.",
    "digest.correction_there": "`newsletter digests show %(digest)s` shows it.",
    "digest.frozen": "`newsletter digests pause %(digest)s` stops it, `newsletter digests cancel %(digest)s` ends it.",
    "digest.lead_below_trust": "Name another, or compose with a lower --min-trust.",
    "digest.no_such_reason": "`newsletter digests show %(digest)s` lists the reasons.",
    "digest.no_articles": "Import articles, or widen the rule.",
    "digest.provider_schedule_late": "Give a later time, or leave --provider-schedule out.",
    "digest.provider_schedule_unsupported": "Leave --provider-schedule out, or set MAIL_TRANSPORT.",
    "digest.test_suppressed": "Give another --to.",
    "digest.time_past": "Give a later time, or use `newsletter digests send`.",
    "import.encoding": "The menu “Save as” offers it.",
    "import.file_changed": "Run the command again for the rest.",
    "import.file_of_unsubscribed": "`--as-suppressions` keeps them from being mailed.",
    "import.no_result_file": "--result says where to write.",
    "import.near_miss": "Rename it, or pass over it with `--ignore '%(column)s'`.",
    "import.result_in_data_dir": "--result names another place.",
    "import.result_not_writable": "--result names another place.",
    "import.unknown_standing": "Rename it to status, or pass over it with `--ignore '%(column)s'`.",
    "queue.unreachable": "Start `newsletter clock`, which runs the embedded one, or set REDIS_URL.",
    "staff.known": "`newsletter editors reset EMAIL` makes a new link.",
    "staff.unknown": "`newsletter editors list` shows all.",
    "support.no_payment": "`newsletter support show` lists the newest.",
    "support.no_public_payment": "`newsletter support show` lists them.",
    "unbounce.nothing_named": "Name them by --digest, --reason or both.",
    "setting.sendgrid_webhook_key": "Copy the verification key of SendGrid's Event Webhook.",
}
"""Sentences by the code of the error that they follow; they can name its values, as in %(digest_id)s."""


def with_hint(error: Exception) -> str:
    """The error's message, followed by the hint for its code where there is one."""
    if isinstance(error, NewsletterError) and error.code in HINTS:
        return f"{error} {HINTS[error.code] % error.values}"
    return str(error)
