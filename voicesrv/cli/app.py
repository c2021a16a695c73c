"""The command ``voicesrv``: all its commands in one place."""

from __future__ import annotations

import logging
import sys

import typer

from voicesrv.cli import bench, config, doctor, engines, models, pipe, say, serve, talk, transcribe
from voicesrv.errors import ClientError, ConfigError, VoicesrvError

app = typer.Typer(
    name="voicesrv",
    help="A self-hosted server for real-time speech, and what goes with it on a command line.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would take longer to load than all the rest of --help
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(talk.talk)
app.command()(pipe.pipe)
app.command()(say.say)
app.command()(transcribe.transcribe)
app.command()(engines.engines)
app.add_typer(models.models, name="models")
app.command()(doctor.doctor)
app.command()(config.config)
app.command()(bench.bench)


def main() -> None:
    """Run a command; a fault of ours is one line on stderr, and exit code 2 where the user can put it right."""
    # What goes wrong is raised as well as logged, and told once; the server sets up its log by itself.
    logging.getLogger("voicesrv").addHandler(logging.NullHandler())
    try:
        app()
    except VoicesrvError as error:
        print(f"voicesrv: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError | ClientError) else 1)
