"""All wishes of one zone: who holds which name, who waits for it, and whose turn it is."""

from trafficfed.zones.wish import Wish


class Wishes:
    """The newest wish of each service. A name belongs to the first that wished it, until that one lets go."""

    def __init__(self) -> None:
        self._wishes: dict[str, Wish] = {}
        self._holders: dict[str, str] = {}
        self._waiting: dict[str, dict[str, None]] = {}

    def get(self, service: str) -> Wish | None:
        return self._wishes.get(service)

    def services(self) -> frozenset[str]:
        return frozenset(self._wishes)

    def holder(self, name: str) -> str | None:
        return self._holders.get(name)

    def put(self, wish: Wish) -> set[str]:
        """Take in a wish; returns the other services that got a name by it and so have to be planned anew."""
        service = str(wish.service)
        before = self._wishes.get(service)
        self._wishes[service] = wish
        for name in wish.names:
            if self._holders.setdefault(name, service) != service:
                self._waiting.setdefault(name, {})[service] = None
        dropped = set(before.names) - set(wish.names) if before else set()
        return {heir for name in sorted(dropped) if (heir := self._release(name, service))}

    def prefer(self, name: str, service: str) -> str | None:
        """Give a contested name to the one of its claimants whose marker is on it; returns who held it before.

        So a restart, which hears the claimants in any order, changes nothing.
        """
        waiting = self._waiting.get(name, {})
        if service not in waiting:
            return None
        before = self._holders[name]
        del waiting[service]
        self._holders[name] = service
        self._waiting[name] = {before: None, **waiting}
        return before

    def contested(self) -> tuple[str, ...]:
        """Names that more than one service wishes."""
        return tuple(sorted(name for name, waiting in self._waiting.items() if waiting))

    def forget(self, service: str) -> None:
        """Drop the wish of a service that holds no name any more."""
        del self._wishes[service]

    def _release(self, name: str, service: str) -> str | None:
        waiting = self._waiting.get(name, {})
        waiting.pop(service, None)
        if self._holders.get(name) != service:
            return None
        heir = next(iter(waiting), None)
        if heir is None:
            del self._holders[name]
            self._waiting.pop(name, None)
            return None
        del waiting[heir]
        self._holders[name] = heir
        return heir


class Turns:
    """Services that may have to be written, each once: first those with records to change, then those to create.

    A failover must not wait behind ten thousand first publications.
    """

    def __init__(self) -> None:
        self._urgent: dict[str, None] = {}
        self._patient: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._urgent) + len(self._patient)

    def __iter__(self) -> "Turns":
        return self

    def __next__(self) -> str:
        """Take the next service out."""
        for queue in (self._urgent, self._patient):
            for service in queue:
                del queue[service]
                return service
        raise StopIteration

    def add(self, service: str, *, urgent: bool) -> None:
        if urgent:
            self._patient.pop(service, None)
            self._urgent[service] = None
        elif service not in self._urgent:
            self._patient[service] = None

    def all(self) -> tuple[str, ...]:
        return (*self._urgent, *self._patient)
