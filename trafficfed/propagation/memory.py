"""What must outlive the process about the hub: who it is, and how far its state was seen."""

import os
from pathlib import Path

import msgspec

from trafficfed.errors import ConfigError
from trafficfed.model import Value
from trafficfed.propagation.hub import Hub
from trafficfed.unreadable import UNREADABLE

FILE = "hub.json"


class Remembered(Value, frozen=True, kw_only=True):
    """``went_back``: it once showed a state older than was known of it; ``confirm`` alone ends that."""

    uid: str = ""
    revision: int = 0
    went_back: bool = False

    @property
    def hub(self) -> Hub:
        return Hub(uid=self.uid, revision=self.revision)


def remembered(directory: Path) -> Remembered:
    """What was kept; nothing at a first start. Raises ConfigError for a file that cannot be read."""
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return Remembered()
    except (OSError, *UNREADABLE) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); move it away only if the hub is surely the one it was"
        ) from None


def remember(directory: Path, what: Remembered) -> None:
    """Atomically: a file half written would be taken for another hub's."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{FILE}.new"
    with path.open("wb") as file:
        file.write(msgspec.json.encode(what))
        file.flush()
        os.fsync(file.fileno())
    path.replace(directory / FILE)
