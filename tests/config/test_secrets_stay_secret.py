"""Neither a repr, nor an error, nor a warning shows what is secret; files that others may read are told."""

import os
from typing import Any

import pytest

HIDDEN = "hunter2-hunter2-hunter2"


def test_options_of_a_provider_show_in_no_repr(folder: Any, example: str) -> None:
    settings = folder.load(example.replace("secret-file: ./tsig.key", f"secret: {HIDDEN}"))
    assert settings.providers["bind"].options["tsig"]["secret"] == HIDDEN
    assert HIDDEN not in repr(settings)
    assert HIDDEN not in str(settings)


def test_the_feeds_key_shows_in_no_repr(folder: Any, example: str) -> None:
    folder.secret("feed.key", HIDDEN)
    settings = folder.load(example)
    assert settings.feed.key == HIDDEN.encode()
    assert HIDDEN not in repr(settings)


@pytest.mark.parametrize(
    "broken",
    [
        f"providers: {{bind: {{kind: nothing, secret: {HIDDEN}}}}}",
        f"providers: {{bind: {{secret: {HIDDEN}}}}}",
        f"feed: {{listen: 127.0.0.1:1, key: {HIDDEN}}}",
        f"nameserver: {{key: {HIDDEN}}}",
        f"token: {HIDDEN}",
        f"health: [{HIDDEN}]",
    ],
)
def test_a_mistake_beside_a_secret_does_not_repeat_it(folder: Any, broken: str) -> None:
    assert not any(HIDDEN in line for line in folder.mistakes(f"owner: demo\n{broken}\n"))


def test_a_secret_file_that_others_can_read_is_warned_about(folder: Any, example: str) -> None:
    folder.secret("tsig.key", HIDDEN, mode=0o644)
    folder.secret("kubeconfig", HIDDEN, mode=0o604)
    assert folder.warnings(example) == [
        "trafficfed.yaml:7: clusters[0].kubeconfig: names ./kubeconfig, which every user of this machine can read; "
        "run chmod 600 on it",
        "trafficfed.yaml:17: providers.bind.tsig.secret-file: names ./tsig.key, which every user of this machine can "
        "read; run chmod 600 on it",
    ]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_file_for_its_owner_and_group_is_in_order(folder: Any, example: str, mode: int) -> None:
    folder.secret("tsig.key", HIDDEN, mode=mode)
    assert folder.warnings(example) == []


def test_a_secret_file_this_user_cannot_read_is_a_mistake(
    folder: Any, example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's answer is replaced, because root, whom tests may run as, can read every file."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert [line.split(": ", 2)[1] for line in folder.mistakes(example)] == [
        "feed.key-file",
        "providers.bind.tsig.secret-file",
    ]
