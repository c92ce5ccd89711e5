"""The `newsletter` command. Errors are one sentence on stderr and a non-zero exit code."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import click

from newsletter.cli.lazy_commands import LazyCommands, Origin

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.exc import DBAPIError

COMMANDS = LazyCommands(
    {
        "articles": Origin("newsletter.cli.articles.editing:articles", "Import, list, show and withdraw articles."),
        "bounces": Origin("newsletter.cli.bounces:bounces", "Read bounce mails and complaints, and show them."),
        "clock": Origin("newsletter.cli.processes:clock", "Start what is due."),
        "db": Origin("newsletter.cli.db:db", "Bring the database's structure up to date."),
        "demo": Origin("newsletter.cli.demo:demo", "Run everything with sample data."),
        "digests": Origin("newsletter.cli.digests.control:digests", "Compose, preview, schedule, send and watch."),
        "editors": Origin("newsletter.cli.editors:editors", "Invite, list and remove the people of the desk."),
        "rubric": Origin("newsletter.cli.rubric:rubric", "Show and set the parts of the trust score."),
        "serve": Origin("newsletter.cli.processes:serve", "Run the whole service on one machine."),
        "subscribers": Origin(
            "newsletter.cli.subscribers.reader:subscribers", "Import, export, show and erase subscribers, and more."
        ),
        "support": Origin("newsletter.cli.support:support", "Show support, set goals and costs, hide words."),
        "web": Origin("newsletter.cli.processes:web", "Answer readers and webhooks until stopped."),
        "worker": Origin("newsletter.cli.processes:worker", "Send mail and apply events until stopped."),
    }
)


class Cli(click.Group):
    """The command group: turns errors into what people see, and into an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Exception as error:
            from sqlalchemy.exc import DBAPIError

            from newsletter.cli.exit_codes import EXIT_CODES, exit_code
            from newsletter.cli.hints import with_hint
            from newsletter.cli.output import say

            if not isinstance(error, tuple(EXIT_CODES)):
                raise
            words = _database_sentence(ctx, error) if isinstance(error, DBAPIError) else with_hint(error)
            say(f"Error: {words}", err=True)
            ctx.exit(exit_code(error))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, origin.summary) for name, origin in sorted(COMMANDS.origins.items())])


@click.group(
    cls=Cli,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="dispatch-newsletter", prog_name="newsletter")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The newsletter service of Dispatch. Settings come from the environment; docs/operate.md lists them."""
    from flask.cli import ScriptInfo

    from newsletter.core import private_files

    private_files.write_privately()
    ctx.obj = ScriptInfo(create_app=_create_app, set_debug_flag=False)


def _create_app() -> Flask:
    from newsletter.app import create_context

    context = create_context(serving=False)
    gc.freeze()  # what is loaded stays
    gc.enable()
    return context


def _database_sentence(ctx: click.Context, error: DBAPIError) -> str:
    """Say why the database cannot be used. The error quotes the statement, whose values can be addresses: only its
    cause is shown.
    """
    from sqlalchemy.exc import DBAPIError

    from newsletter import migrations
    from newsletter.cli.hints import with_hint
    from newsletter.core.db import faults
    from newsletter.core.errors import ConflictError
    from newsletter.core.runtime import runtime

    try:
        with ctx.obj.load_app().app_context():
            migrations.require_current(runtime().db)
    except ConflictError as conflict:
        return with_hint(conflict)
    except DBAPIError:
        pass  # it cannot be reached at all, which its cause says
    return f"The database cannot be used: {faults.cause(error)}. DATABASE_URL and DATA_DIR say where it is."


def main() -> None:
    """The console command."""
    # Until it is loaded: collections in between are an eighth of a start (measured), and find nothing.
    gc.disable()
    cli(prog_name="newsletter")
