"""The ``trafficfed`` command: its sub-commands, and how every error becomes one line and an exit code."""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import ShellComplete

from trafficfed.cli import commands
from trafficfed.cli.failures import EXIT_FOUND, EXIT_INTERRUPTED, exit_code
from trafficfed.errors import TrafficfedError

EPILOG = """\b
Exit codes:
  0  all went well
  1  a difference or a problem was found, or something failed
  2  the command line or the configuration is wrong
  3  the controller could not be reached

\b
Examples:
  trafficfed run --config trafficfed.yaml
  trafficfed plan --output json
  trafficfed explain web.fed.example.org --client 192.0.2.7
  trafficfed status --watch
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EPILOG,
)
def trafficfed() -> None:
    """One name for a Service in many Kubernetes clusters, always pointing at the clusters that can serve it."""


for command in commands.ALL:
    trafficfed.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code; errors are one line each on standard error, never a traceback."""
    sys.exit(_run(sys.argv[1:] if arguments is None else list(arguments)))


def complete_for_kubectl() -> None:
    """What kubectl runs for Tab after ``kubectl trafficfed``: candidates, then what the shell is to do with them.

    ":4" says that file names are none of them (Cobra, ShellCompDirectiveNoFileComp; kubectl's page on plugins).
    """
    *given, begun = sys.argv[1:] or [""]
    for each in ShellComplete(trafficfed, {}, "trafficfed", "").get_completions(given, begun):
        click.echo(each.value)
    click.echo(":4")


def program(path: str) -> str:
    """What this is called in usage texts: by kubectl, which finds plugins by their name on PATH, it is one of its own.

    >>> program("/usr/bin/kubectl-trafficfed"), program("/usr/lib/python3/trafficfed/__main__.py")
    ('kubectl trafficfed', 'trafficfed')
    """
    return "kubectl trafficfed" if path.rpartition("/")[2] == "kubectl-trafficfed" else "trafficfed"


def _run(arguments: list[str]) -> int:
    try:
        result = trafficfed.main(arguments, prog_name=program(sys.argv[0]), standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        _tell(error.format_message())
        return error.exit_code
    except TrafficfedError as error:
        _tell(str(error))
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except OSError as error:
        _tell(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
        return EXIT_FOUND
    return result if isinstance(result, int) else 0


def _tell(message: str) -> None:
    for text in message.splitlines():
        click.echo(f"trafficfed: {text}", err=True)
