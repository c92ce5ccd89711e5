"""`newsletter digests`, from the draft to its time: check, schedule, unschedule, send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from newsletter.cli import exit_codes
from newsletter.cli.digests.contents import digests
from newsletter.cli.digests.contents_text import describe_links, describe_subjects
from newsletter.cli.numbers import ROW
from newsletter.cli.output import emit, json_option
from newsletter.cli.times import Occurrence, ZonedTime, choose_occurrence
from newsletter.core.actors import OPERATOR
from newsletter.core.runtime import runtime
from newsletter.delivery.reports.full_preflight import check_all
from newsletter.delivery.reports.subjects import count_subjects
from newsletter.digests import lifecycle, queries, scheduling
from newsletter.digests.findings import Finding, blocking
from newsletter.digests.spam_findings import check_spam_score, mail_to_score
from newsletter.mail.spam_score import spam_score
from newsletter.operations import link_checks
from newsletter.serializers.digests import check_json, digest_json, finding_json, subjects_json

__all__ = ["digests"]


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--links", "with_links", is_flag=True, help="Ask first whether its links work: at other sites, now.")
@json_option
@click.pass_context
def check(ctx: click.Context, digest_id: int, with_links: bool, as_json: bool) -> None:
    """Look for what keeps a digest from being sent (then the exit code is 1), and say who gets which subject."""
    if with_links:
        link_checks.probe_digest(runtime(), digest_id)
    with runtime().db.reading() as session:
        digest = queries.get_digest(session, digest_id)
        findings = check_all(session, runtime().settings, digest)
        subjects = count_subjects(session, runtime().settings, digest)
        who = describe_subjects(digest, subjects)
        links = link_checks.state_of_links(session, runtime().settings, digest)
        mail = mail_to_score(runtime().settings, digest)
    findings += check_spam_score(spam_score(mail))
    problems = blocking(findings)
    verdict = f"Digest {digest_id} cannot be sent:" if problems else f"Digest {digest_id} can be sent."
    value = check_json(digest, findings) | {"links": links._asdict(), "subjects": subjects_json(subjects)}
    emit(value, "\n".join([verdict, *_lines(findings), *describe_links(links), *who]), as_json=as_json)
    if problems:
        ctx.exit(exit_codes.FAILED)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@click.option("--at", type=ZonedTime(), required=True, help='With its zone: "2026-12-01 07:00 Europe/Berlin".')
@click.option("--first", "occurrence", flag_value="first", help="The first of a time that comes twice.")
@click.option("--second", "occurrence", flag_value="second", help="The second of a time that comes twice.")
@click.option(
    "--provider-schedule", is_flag=True, help="Give it to SendGrid half an hour ahead; SendGrid keeps the time."
)
@json_option
def schedule(
    digest_id: int, at: datetime, occurrence: Occurrence | None, provider_schedule: bool, as_json: bool
) -> None:
    """Send a draft at a later time, or move a scheduled digest."""
    at = choose_occurrence(at, occurrence)
    with runtime().db.transaction() as session:
        scheduled = scheduling.schedule_digest(
            session, runtime().settings, digest_id, at, provider_schedule=provider_schedule, by=OPERATOR
        )
        value = digest_json(scheduled.digest)
    runtime().queues.signal_clock()
    _emit_scheduled(value, scheduled, f"Digest {digest_id} will be sent on {at:%-d %B %Y at %H:%M %Z}.", as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def unschedule(digest_id: int, as_json: bool) -> None:
    """Make a scheduled digest a draft again, before its freeze."""
    with runtime().db.transaction() as session:
        value = digest_json(lifecycle.unschedule(session, digest_id, by=OPERATOR))
    runtime().queues.signal_clock()
    emit(value, f"Digest {digest_id} is a draft again.", as_json=as_json)


@digests.command()
@click.argument("digest_id", metavar="ID", type=ROW)
@json_option
def send(digest_id: int, as_json: bool) -> None:
    """Send a draft now: the clock starts it within seconds."""
    with runtime().db.transaction() as session:
        scheduled = scheduling.send_now(session, runtime().settings, digest_id, by=OPERATOR)
        value = digest_json(scheduled.digest)
    runtime().queues.signal_clock()
    watch = f"Digest {digest_id} is on its way. Watch: newsletter digests status {digest_id} --watch"
    _emit_scheduled(value, scheduled, watch, as_json)


def _emit_scheduled(value: dict[str, object], scheduled: scheduling.Scheduled, done: str, as_json: bool) -> None:
    findings = [finding_json(each) for each in scheduled.notes]
    emit(value | {"findings": findings}, "\n".join([done, *_lines(scheduled.notes)]), as_json=as_json)


def _lines(findings: Sequence[Finding]) -> list[str]:
    """A line for each finding; those that block come first."""
    ordered = sorted(findings, key=lambda finding: not finding.blocks)
    return [f"  {'' if each.blocks else 'Note: '}{each.sentence} {each.advice}" for each in ordered]
