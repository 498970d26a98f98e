"""The commands by which operators take a hand in steering: drain, shift, freeze, their ends, and what is in force."""

from pathlib import Path

import click

from trafficfed.cli import completing
from trafficfed.cli.options import CONFIG, FOR, OUTPUT, SERVICE, WHO, WHY


@click.command(short_help="Take a cluster out of the answers.")
@click.argument("cluster", shell_complete=completing.clusters)
@SERVICE
@FOR
@WHY
@WHO
@click.option("--wait", is_flag=True, help="End only when nobody can be sent there any more.")
@click.option(
    "--timeout", metavar="TIME", default="10m", show_default=True, help="With --wait: the longest to wait, 90s or 30m."
)
@CONFIG
@OUTPUT
def drain(
    cluster: str, service: str, for_: str, why: str, who: str, wait: bool, timeout: str, config: Path, output: str
) -> int:
    """Take a CLUSTER's endpoints out of the answers, of all services or of one.

      What is drained is given out only where nothing else serves: a drain never empties an answer. Draining what is
      drained already replaces reason and time.

      With --wait it ends when no authority gives the cluster out any more and the answers' TTL has passed thrice since:
      then the cluster may be taken down. The drain stays where that is not so in time.

      \b
      Ends with 0 when done, 1 where --wait was not over in time, 2 where no such cluster or service is known,
    3 without a controller.
      \b
      Examples:
        trafficfed drain eu --for 2h --why "kernel upgrade"
        trafficfed drain eu --service shop/web --why "bad release"
    trafficfed drain eu --wait --timeout 30m --why "new nodes" && kubectl --context eu drain node-1
    """
    from trafficfed.cli import ordering

    until = timeout if wait else ""
    return ordering.drain(config, cluster, service, for_=for_, why=why, who=who, output=output, timeout=until)


@click.command(short_help="End a cluster's drain.")
@click.argument("cluster", shell_complete=completing.clusters)
@SERVICE
@CONFIG
@OUTPUT
def undrain(cluster: str, service: str, config: Path, output: str) -> int:
    """End the drain of a CLUSTER, or with --service that of one service there.

    \b
    Ends with 0 when done, 2 where no such drain is in force, 3 without a controller.
    \b
    Examples:
      trafficfed undrain eu
      trafficfed undrain eu --service shop/web
    """
    from trafficfed.cli import ordering

    return ordering.undo(config, "drain", cluster, service, output)


@click.command(short_help="Send a share of a cluster's traffic elsewhere.")
@click.argument("cluster", shell_complete=completing.clusters)
@click.option(
    "--share",
    metavar="PERCENT",
    type=click.IntRange(1, 100),
    required=True,
    help="Of what the cluster would get, 1 to 100.",
)
@click.option(
    "--to",
    metavar="CLUSTER",
    default="",
    shell_complete=completing.clusters,
    help="Where it goes; without it, to those that would take it next.",
)
@SERVICE
@FOR
@WHY
@WHO
@CONFIG
@OUTPUT
def shift(
    cluster: str, share: int, to: str, service: str, for_: str, why: str, who: str, config: Path, output: str
) -> int:
    """Send a share of what a CLUSTER's endpoints would get to another cluster, of all services or of one.

    Just the clients of CLUSTER are concerned, and --to takes nothing where it does not serve: failover is as ever.
    While a part is shifted an answer has one member, by weight. 100 makes CLUSTER stand by. Shifting what is shifted
    already replaces share, destination, reason and time.

    Authorities that hold no weights keep their answer until the whole is shifted; `trafficfed plan` names them.

    \b
    Ends with 0 when done, 2 where no such cluster or service is known, 3 without a controller.
    \b
    Examples:
      trafficfed shift eu --to us --share 10 --why "warming up us"
      trafficfed shift eu --share 50 --service shop/web --for 2h --why "half of the nodes are replaced"
    """
    from trafficfed.cli import ordering

    return ordering.control(
        config, "shift", cluster, service, for_=for_, why=why, who=who, output=output, to=to, share=share
    )


@click.command(short_help="End a cluster's shift.")
@click.argument("cluster", shell_complete=completing.clusters)
@SERVICE
@CONFIG
@OUTPUT
def unshift(cluster: str, service: str, config: Path, output: str) -> int:
    """End the shift of a CLUSTER's traffic, or with --service that of one service there.

    \b
    Ends with 0 when done, 2 where no such shift is in force, 3 without a controller.
    \b
    Examples:
      trafficfed unshift eu
      trafficfed unshift eu --service shop/web
    """
    from trafficfed.cli import ordering

    return ordering.undo(config, "shift", cluster, service, output)


@click.command(short_help="Keep answers as they are.")
@click.argument("cluster", default="", shell_complete=completing.clusters)
@SERVICE
@click.option("--all", "everything", is_flag=True, help="Every service in every cluster.")
@FOR
@WHY
@WHO
@CONFIG
@OUTPUT
def freeze(
    cluster: str, service: str, everything: bool, for_: str, why: str, who: str, config: Path, output: str
) -> int:
    """Keep answers exactly as they are: those of services with a part in CLUSTER, of one service, or all.

    Neither verdicts nor declarations nor drains change a frozen answer. There is NO FAILOVER under a freeze: an
    endpoint that dies is given out on. So state --for.

    \b
    Ends with 0 when done, 2 where no such cluster or service is known, 3 without a controller.
    \b
    Examples:
      trafficfed freeze --service shop/web --for 15m --why "moving the database"
      trafficfed freeze --all --for 10m --why "network work between the regions"
    """
    from trafficfed.cli import ordering

    ordering.check_extent(cluster, service, everything=everything)
    return ordering.control(config, "freeze", cluster, service, for_=for_, why=why, who=who, output=output)


@click.command(short_help="End a freeze.")
@click.argument("cluster", default="", shell_complete=completing.clusters)
@SERVICE
@click.option("--all", "everything", is_flag=True, help="The freeze of everything.")
@CONFIG
@OUTPUT
def unfreeze(cluster: str, service: str, everything: bool, config: Path, output: str) -> int:
    """End the freeze of a CLUSTER, of one service, or of everything; what changed meanwhile changes answers then.

    \b
    Ends with 0 when done, 2 where no such freeze is in force, 3 without a controller.
    \b
    Examples:
      trafficfed unfreeze --service shop/web
      trafficfed unfreeze --all
    """
    from trafficfed.cli import ordering

    ordering.check_extent(cluster, service, everything=everything)
    return ordering.undo(config, "freeze", cluster, service, output)


@click.command(short_help="List the drains, shifts and freezes in force.")
@CONFIG
@OUTPUT
def controls(config: Path, output: str) -> int:
    """List the operator controls in force: who ordered what, why and until when.

    Asks the running controller; where none answers, those of the last table on disk are shown and the exit code is 3.

    \b
    Ends with 0 when they were read, 3 without a controller.
    \b
    Examples:
      trafficfed controls
      trafficfed controls --output json | jq -r '.controls[].id'
    """
    from trafficfed.cli import ordering

    return ordering.controls(config, output)


ALL: tuple[click.Command, ...] = (drain, undrain, shift, unshift, freeze, unfreeze, controls)
