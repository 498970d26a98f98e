"""What stands at an elector: who holds its vote, for which term, and since how many writes."""

from urllib.parse import quote, unquote

from trafficfed.model import Value

_TOKEN_MARK = "_"
"""Parts a controller's name from the token of its process, as client-go parts host name and UUID in a holder."""


class Record(Value, frozen=True, kw_only=True):
    """One elector's vote. ``holder`` is a controller's name and its process's token, empty once released.

    ``renewal`` counts the writes of this record, so that (term, renewal) grows with every one: what is smaller than it
    was comes from a backup. ``electorate`` are the names of all electors, sorted: controllers that count the votes of
    different electorates could both find a majority. ``owner`` tells fleets apart.
    """

    owner: str
    holder: str
    term: int
    renewal: int
    lease_s: float
    electorate: tuple[str, ...]

    @property
    def order(self) -> tuple[int, int]:
        return self.term, self.renewal

    @property
    def controller(self) -> str:
        """The name of the controller that holds it, empty where none does."""
        return controller_of(self.holder)


def holder_of(controller: str, token: str) -> str:
    """What a process writes as holder: two processes of the same name must not take each other's votes for theirs.

    >>> holder_of("eu", "5f3c9a01")
    'eu_5f3c9a01'
    """
    return f"{controller}{_TOKEN_MARK}{token}"


def controller_of(holder: str) -> str:
    """
    >>> controller_of("eu_5f3c9a01")
    'eu'
    """
    return holder.rpartition(_TOKEN_MARK)[0] or holder


def joined(electorate: tuple[str, ...]) -> str:
    """An electorate as one word; whatever a name may contain.

    >>> joined(("eu", "fed.test at bind"))
    'eu,fed.test%20at%20bind'
    """
    return ",".join(quote(name, safe="/:@") for name in electorate)


def parted(text: str) -> tuple[str, ...]:
    """
    >>> parted("eu,fed.test%20at%20bind")
    ('eu', 'fed.test at bind')
    """
    return tuple(unquote(name) for name in text.split(",") if name)
