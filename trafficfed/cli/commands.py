"""What each sub-command takes. Their bodies import what does the work, so that ``--help`` loads none of it."""

from pathlib import Path

import click

from trafficfed.cli import completing, steering_commands
from trafficfed.cli.options import CONFIG, OUTPUT, SERVICE


@click.command(short_help="Run the controller.")
@CONFIG
def run(config: Path) -> None:
    """Run the controller: watch the clusters, judge, decide, publish.

    \b
    Ends with 0 when told to stop (SIGTERM, SIGINT), 2 where the configuration or an address in it is wrong.
    \b
    Example:
      trafficfed run --config /etc/trafficfed/trafficfed.yaml
    """
    from trafficfed.cli import processes

    processes.run(config)


@click.command(short_help="Run a name server of our own.")
@CONFIG
def nameserver(config: Path) -> None:
    """Run a name server of our own, fed by the controllers that the section `nameserver` names.

    \b
    Ends with 0 when told to stop (SIGTERM, SIGINT), 2 where the configuration or an address in it is wrong.
    \b
    Example:
      trafficfed nameserver --config /etc/trafficfed/nameserver.yaml
    """
    from trafficfed.cli import processes

    processes.nameserver(config)


@click.command(short_help="Run a vantage: a prober in another place.")
@CONFIG
def prober(config: Path) -> None:
    """Run a vantage: probe what the controllers want probed, and tell all of them what it sees.

    \b
    Ends with 0 when told to stop (SIGTERM, SIGINT), 2 where the configuration or an address in it is wrong.
    \b
    Example:
      trafficfed prober --config /etc/trafficfed/prober.yaml
    """
    from trafficfed.cli import processes

    processes.prober(config)


@click.command(short_help="Print what would change, and change nothing.")
@CONFIG
@OUTPUT
def plan(config: Path, output: str) -> int:
    """Print what would change at the providers, and with a hub in the members, and change nothing.

    \b
    Ends with 0 where nothing would change, 1 where something would, 2 where the configuration is wrong.
    \b
    Examples:
      trafficfed plan
      trafficfed plan --output json | jq '.changes[].name'
      trafficfed plan --output json | jq '.copies[] | select(.action == "delete")'
    """
    from trafficfed.cli import processes

    return processes.plan(config, output)


@click.command(short_help="Say which answer a client gets, and why.")
@click.argument("hostname", shell_complete=completing.hostnames)
@click.option("--client", metavar="IP", default="", help="Who asks; without it, a client of unknown place.")
@CONFIG
@OUTPUT
def explain(hostname: str, client: str, config: Path, output: str) -> int:
    """Say which answer a client gets for HOSTNAME, and why.

    Asks the running controller; where none answers, the last table on disk is explained and the exit code is 3.

    \b
    Ends with 0 where something serves, 1 where nothing does, 2 for a name nobody has, 3 without a controller.
    \b
    Examples:
      trafficfed explain web.fed.example.org
      trafficfed explain web.fed.example.org --client 192.0.2.7 --output yaml
    """
    from trafficfed.cli import asking

    return asking.explain(config, hostname, client, output)


@click.command(short_help="Show clusters, services and verdicts.")
@click.option("--watch", "-w", is_flag=True, help="Show it again every two seconds until interrupted.")
@CONFIG
@OUTPUT
def status(watch: bool, config: Path, output: str) -> int:
    """Show clusters, services, verdicts, refusals and held changes.

    Asks the running controller; where none answers, the last table on disk is shown and the exit code is 3.

    \b
    Ends with 0 where it is in working order, 1 where the controller is not ready, 3 without a controller.
    \b
    Examples:
      trafficfed status --watch
      trafficfed status --output json | jq '.services[] | select(.serving | not)'
    """
    from trafficfed.cli import asking

    return asking.status(config, output, watch=watch)


@click.command(short_help="Show the fleet on one screen, live.")
@click.option("--every", metavar="TIME", default="2s", show_default=True, help="How often it is drawn anew.")
@CONFIG
def top(every: str, config: Path) -> int:
    """Show the fleet on one screen of the terminal, drawn anew every two seconds: what is amiss first.

    Keys: q ends, arrows and page keys move, p shows only what is amiss.

    \b
    Ends with 0 when told to, 2 where there is no terminal.
    \b
    Example:
      trafficfed top --every 5s
    """
    from trafficfed.cli import ordering
    from trafficfed.cli import top as screen

    return screen.top(config, ordering.seconds(every, "--every"))


@click.command(short_help="Show what happened lately.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until interrupted.")
@SERVICE
@click.option(
    "--cluster",
    metavar="NAME",
    default="",
    shell_complete=completing.clusters,
    help="What is about this cluster only.",
)
@click.option("--warnings", is_flag=True, help="Warnings only.")
@click.option("--last", "-n", type=click.IntRange(min=0), default=50, show_default=True, help="How many at most.")
@CONFIG
@OUTPUT
def events(follow: bool, service: str, cluster: str, warnings: bool, last: int, config: Path, output: str) -> int:
    """Show what happened lately: verdicts, decisions, publications, refusals, controls, and what became of clusters.

    Asks the running controller, which remembers the last 200. A service's events are those of its names too.

    \b
    Ends with 0 when they were read, 3 without a controller.
    \b
    Examples:
      trafficfed events --follow
      trafficfed events --service shop/web --last 10
      trafficfed events --warnings --output json | jq -r '.events[].text'
    """
    from trafficfed.cli import events as happened

    return happened.events(
        config, output, follow=follow, service=service, cluster=cluster, warnings=warnings, last=last
    )


@click.command(short_help="Tell whether the fleet keeps its baselines.")
@click.option("--baseline", metavar="NAME", default="", help="This baseline only.")
@click.option(
    "--cluster",
    metavar="NAME",
    default="",
    shell_complete=completing.clusters,
    help="What is about this cluster only.",
)
@CONFIG
@OUTPUT
def audit(baseline: str, cluster: str, config: Path, output: str) -> int:
    """Tell whether the fleet keeps its baselines: by cluster, rule and object, with path, message and since when.

    Asks the running controller, the one that leads where there are several.

    \b
    Ends with 0 where every baseline holds, 1 where one does not or not everything is seen, 3 without a controller.
    \b
    Examples:
      trafficfed audit
      trafficfed audit --baseline no-wildcards --cluster eu
      trafficfed audit --output json | jq -r '.baselines[].violations[].object'
    """
    from trafficfed.cli import auditing

    return auditing.audit(config, output, baseline=baseline, cluster=cluster)


@click.command(short_help="Check a zone's delegation and name servers.")
@click.argument("zone", shell_complete=completing.zones)
@click.option(
    "--parent",
    "parents",
    metavar="ADDRESS",
    multiple=True,
    help="A name server of the parent zone; may be given more than once. Without it the resolver finds them.",
)
@click.option("--resolver", metavar="ADDRESS", default="", help="Who resolves names; without it, this machine's own.")
@click.option("--port", type=click.IntRange(1, 65535), default=53, show_default=True, help="Where name servers listen.")
@CONFIG
@OUTPUT
def check(zone: str, parents: tuple[str, ...], resolver: str, port: int, config: Path, output: str) -> int:
    """Check whether the world finds a ZONE of the configuration: what its parent says (NS, glue, DS), every name server
    over UDP and TCP, whether they agree (NS, SOA), and who may issue certificates (CAA).

    Prints the lines that are to be added to the parent's zone, or removed from it. Asks no controller.

    \b
    Ends with 0 where clients find it, 1 where something is wrong, 2 where the configuration has no such zone.
    \b
    Examples:
      trafficfed check fed.example.org
      trafficfed check fed.example.org --parent 192.0.2.1 --output json | jq -r '.add[]'
    """
    from trafficfed.cli import checking

    return checking.check(config, zone, output, parents=parents, resolver=resolver, port=port)


@click.command(short_help="Let one held change go on.")
@click.argument("confirm_id", metavar="ID", shell_complete=completing.held)
@CONFIG
@OUTPUT
def confirm(confirm_id: str, config: Path, output: str) -> int:
    """Let the one change with this ID go on that a brake holds; `status` and `plan` list them.

    \b
    Ends with 0 when done, 2 where no change has this ID, 3 without a controller.
    \b
    Example:
      trafficfed confirm 7f3a90
    """
    from trafficfed.cli import asking

    return asking.confirm(config, confirm_id, output)


@click.command(short_help="Let a gone cluster's endpoints leave.")
@click.argument("cluster", shell_complete=completing.clusters)
@CONFIG
@OUTPUT
def forget(cluster: str, config: Path, output: str) -> int:
    """Let every endpoint of a CLUSTER that is no more leave.

    \b
    Ends with 0 when done, 2 where no cluster has this name, 3 without a controller.
    \b
    Example:
      trafficfed forget eu-west-old
    """
    from trafficfed.cli import asking

    return asking.forget(config, cluster, output)


@click.command(short_help="Show a whole fleet on this machine, live.")
@click.option("--check", is_flag=True, help="Fail a region over unattended, measure it, and end.")
def demo(check: bool) -> int:
    """Three regions, a controller and a name server on this machine, with a live view and what to try.

    \b
    With --check ends with 0 where the failover was right and in time, 1 where it was not.
    \b
    Examples:
      trafficfed demo
      trafficfed demo --check
    """
    from trafficfed.cli import processes

    return processes.demo(check=check)


@click.command(short_help="Print the definitions of the hub's objects, or of exports.")
@click.option("--services", is_flag=True, help="ServiceExport and ServiceImport, for members that have none yet.")
def crds(services: bool) -> None:
    """Print the CustomResourceDefinitions of the objects that the hub holds, as YAML.

    \b
    Ends with 0.
    \b
    Examples:
      trafficfed crds | kubectl apply --server-side -f -
      trafficfed crds --services | kubectl --context eu apply --server-side -f -
    """
    from trafficfed.crds.definitions import crds_yaml
    from trafficfed.services.definitions import definitions_yaml

    click.echo(definitions_yaml() if services else crds_yaml(), nl=False)


@click.command(short_help="Print what a shell needs to complete commands.")
@click.argument("shell", type=click.Choice(completing.SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what SHELL has to read so that Tab completes commands, options, clusters, zones, services and names.

    \b
    Ends with 0.
    \b
    Examples:
      source <(trafficfed completion bash)
      trafficfed completion zsh > "${fpath[1]}/_trafficfed"
      trafficfed completion fish > ~/.config/fish/completions/trafficfed.fish
    """
    click.echo(completing.script(shell, context.find_root().command, "trafficfed"))


@click.command(short_help="Print the version.")
@OUTPUT
def version(output: str) -> int:
    """Print the version.

    \b
    Example:
      trafficfed version --output json
    """
    from trafficfed.cli import asking

    return asking.version(output)


ALL: tuple[click.Command, ...] = (
    run,
    nameserver,
    prober,
    plan,
    explain,
    status,
    top,
    events,
    audit,
    check,
    *steering_commands.ALL,
    confirm,
    forget,
    crds,
    completion,
    demo,
    version,
)
