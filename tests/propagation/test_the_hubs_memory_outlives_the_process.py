"""Who the hub is stands on disk: an emptied or restored one is known as such after a restart too."""

from pathlib import Path

import pytest

from trafficfed.errors import ConfigError
from trafficfed.propagation.hub import Hub
from trafficfed.propagation.memory import FILE, Remembered, remember, remembered


def test_a_first_start_knows_nothing(tmp_path: Path) -> None:
    assert remembered(tmp_path / "state") == Remembered()


def test_what_was_kept_is_known_again(tmp_path: Path) -> None:
    what = Remembered(uid="hub-1", revision=7, went_back=True)
    remember(tmp_path / "state", what)
    remember(tmp_path / "state", what)
    assert remembered(tmp_path / "state") == what
    assert remembered(tmp_path / "state").hub == Hub(uid="hub-1", revision=7)
    assert [each.name for each in (tmp_path / "state").iterdir()] == [FILE]


def test_a_file_that_cannot_be_read_is_no_first_start(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(ConfigError, match=r"hub\.json: cannot be read"):
        remembered(tmp_path)
