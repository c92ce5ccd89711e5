"""The `newsletter` command. Errors are one sentence on stderr and a non-zero exit code."""

from __future__ import annotations

import click
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import DBAPIError

from newsletter import migrations
from newsletter.app import create_app
from newsletter.cli import bounces, db, demo, processes
from newsletter.cli.articles import commands
from newsletter.cli.digests import control
from newsletter.cli.exit_codes import EXIT_CODES, exit_code
from newsletter.cli.hints import with_hint
from newsletter.cli.output import say
from newsletter.cli.subscribers import reader
from newsletter.core import private_files
from newsletter.core.errors import ConflictError
from newsletter.core.runtime import runtime


class Cli(AppGroup):
    """The command group: turns errors into what people see, and into an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except tuple(EXIT_CODES) as error:
            words = _database_sentence(ctx, error) if isinstance(error, DBAPIError) else with_hint(error)
            say(f"Error: {words}", err=True)
            ctx.exit(exit_code(error))


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="dispatch-newsletter", prog_name="newsletter")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The newsletter service of Dispatch. Settings come from the environment; docs/operate.md lists them."""
    private_files.write_privately()
    ctx.obj = ScriptInfo(create_app=lambda: create_app(serving=False), set_debug_flag=False)


cli.add_command(commands.articles)
cli.add_command(bounces.bounces)
cli.add_command(db.db)
cli.add_command(control.digests)
cli.add_command(reader.subscribers)
cli.add_command(processes.serve)
cli.add_command(processes.web)
cli.add_command(processes.worker)
cli.add_command(processes.clock)
cli.add_command(demo.demo)


def _database_sentence(ctx: click.Context, error: DBAPIError) -> str:
    """Say why the database cannot be used. The error quotes the statement, whose values can be addresses: only its
    cause is shown.
    """
    try:
        with ctx.obj.load_app().app_context():
            migrations.require_current(runtime().db)
    except ConflictError as conflict:
        return with_hint(conflict)
    except DBAPIError:
        pass  # it cannot be reached at all, which its cause says
    cause = " ".join(str(error.orig).split()).rstrip(".?")
    return f"The database cannot be used: {cause}. DATABASE_URL and DATA_DIR say where it is."


def main() -> None:
    """The console command."""
    cli(prog_name="newsletter")
