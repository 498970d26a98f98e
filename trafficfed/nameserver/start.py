"""When a name server may answer from its table: the rule for its start and for the time after a pause (pure)."""


class StartRule:
    """SERVFAIL until a controller has confirmed the table, for ``wait_s`` at most; then serve what there is.

    What a process knew before it started, or before it was stopped for longer than a lease, may be long out of
    date; a resolver that gets SERVFAIL asks another server. A server that never had a table has nothing to serve.
    """

    def __init__(self, wait_s: float, now_s: float) -> None:
        self._wait_s = wait_s
        self._last_s = now_s
        self._until_s: float | None = now_s + wait_s

    def confirmed(self) -> None:
        """A controller's table has arrived, or it said that ours is current."""
        self._until_s = None

    def tick(self, now_s: float, lease_s: float) -> bool:
        """To be called well within ``lease_s``, by a clock that runs while the machine sleeps; True after a pause."""
        paused = now_s - self._last_s > lease_s
        self._last_s = now_s
        if paused:
            self._until_s = now_s + self._wait_s
        return paused

    def serves(self, now_s: float, has_table: bool) -> bool:
        """Whether to answer from the table."""
        return has_table and (self._until_s is None or now_s >= self._until_s)
