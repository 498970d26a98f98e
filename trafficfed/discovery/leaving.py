"""What a service no longer has for a good reason, so that no brake need ask about it."""

from trafficfed.discovery.fold import Folded
from trafficfed.discovery.inventory import Inventory, Standing
from trafficfed.model import Row, Value


class Leaving(Value, frozen=True):
    """Targets and whole hostnames that left by a watched change or an operator's word. False where there are none."""

    targets: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.targets or self.hostnames)

    def __add__(self, later: "Leaving") -> "Leaving":
        return Leaving((*self.targets, *later.targets), (*self.hostnames, *later.hostnames))


def leaving(row: Row, folded: Folded, inventory: Inventory) -> Leaving:
    """What a fold takes from a row with a cause. A hostname has one where any of the service's objects was seen to
    change, in a cluster or on the hub."""
    targets = tuple(target for each in folded.departed if each.watched for target in each.addresses)
    now = folded.service.hostnames if folded.service is not None else ()
    lost = tuple(name for name in row.service.hostnames if name not in now)
    caused = lost and (
        row.key in inventory.declarations.watched
        or any(_was_watched(endpoint.cluster, row, inventory) for endpoint in row.endpoints)
    )
    return Leaving(targets, lost if caused else ())


def _was_watched(cluster: str, row: Row, inventory: Inventory) -> bool:
    standing = inventory.standing(cluster, row.key)
    if isinstance(standing, Standing):
        return standing is Standing.LEFT_WATCHED
    return inventory.is_watched(cluster, row.key)
