"""The API token: made once, unguessable, and never readable by other users."""

import stat
from pathlib import Path

import pytest

from trafficfed.errors import ConfigError
from trafficfed.observe import api_token


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    token = api_token.ensure(state)
    assert len(token) >= 43
    assert api_token.ensure(state) == token == api_token.read(state)
    assert mode(state / api_token.FILE) == 0o600
    assert mode(state) == 0o700
    assert [file.name for file in state.iterdir()] == [api_token.FILE]


def test_two_controllers_have_two_tokens(tmp_path: Path) -> None:
    assert api_token.ensure(tmp_path / "a") != api_token.ensure(tmp_path / "b")


@pytest.mark.parametrize("readable", [0o604, 0o644, 0o666])
def test_one_that_others_could_read_is_replaced(tmp_path: Path, readable: int) -> None:
    old = api_token.ensure(tmp_path)
    (tmp_path / api_token.FILE).chmod(readable)
    assert api_token.ensure(tmp_path) != old
    assert mode(tmp_path / api_token.FILE) == 0o600


def test_one_that_the_group_may_read_is_kept(tmp_path: Path) -> None:
    """A volume with an fsGroup gives every file to the group; that is still nobody else."""
    old = api_token.ensure(tmp_path)
    (tmp_path / api_token.FILE).chmod(0o660)
    assert api_token.ensure(tmp_path) == old


@pytest.mark.parametrize("content", ["", "\n", "short\n", "\xff\n"])
def test_what_a_crash_left_half_written_is_no_token(tmp_path: Path, content: str) -> None:
    file = tmp_path / api_token.FILE
    file.write_text(content, encoding="latin-1")
    file.chmod(0o600)
    assert len(api_token.ensure(tmp_path)) >= 43


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="the API's token cannot be kept"):
        api_token.ensure(tmp_path / "file" / "state")


def test_reading_where_no_controller_ever_ran_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; run this where the controller runs"):
        api_token.read(tmp_path)
