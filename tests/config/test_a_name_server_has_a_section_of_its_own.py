"""``trafficfed nameserver`` reads one section, from the controller's file or one that has nothing else."""

from typing import Any

import pytest

from trafficfed.model import RecordSet
from trafficfed.nameserver.settings import NameServerSettings, Place, ServedZone

SECTION = """\
nameserver:
  listen: 127.0.0.1:5301
  feeds: [127.0.0.1:9053, 127.0.0.2:9053]
  key-file: ./feed.key
  places:
    - {network: 127.0.1.0/24, country: ie}
    - {network: 127.0.2.0/24, subdivision: US-CA}
    - {network: 127.0.3.0/24, continent: AS}
  zones:
    - name: Fed.Test
      nameservers: [ns1.fed.test]
      mailbox: hostmaster@fed.test
      records:
        - {name: ns1.fed.test, type: A, values: [127.0.0.1]}
"""


def test_the_section_becomes_the_name_servers_own_settings(folder: Any) -> None:
    assert folder.load(SECTION).nameserver == NameServerSettings(
        listen=("127.0.0.1:5301",),
        feeds=("127.0.0.1:9053", "127.0.0.2:9053"),
        key=b"0123456789abcdef0123456789abcdef",
        state=str(folder.path / "nameserver-state"),
        places=(
            Place(network="127.0.1.0/24", continent="EU", country="IE"),
            Place(network="127.0.2.0/24", continent="NA", country="US", subdivision="US-CA"),
            Place(network="127.0.3.0/24", continent="AS"),
        ),
        zones=(
            ServedZone(
                name="fed.test",
                nameservers=("ns1.fed.test",),
                mailbox="hostmaster@fed.test",
                records=(RecordSet(name="ns1.fed.test", type="A", ttl=3600, values=("127.0.0.1",)),),
            ),
        ),
    )


def test_it_may_stand_beside_a_controllers_sections(folder: Any, example: str) -> None:
    settings = folder.load(example + SECTION)
    assert settings.nameserver.key == settings.feed.key


def test_a_file_with_nothing_else_needs_no_clusters(folder: Any) -> None:
    settings = folder.load(SECTION)
    assert (settings.clusters, settings.zones, settings.owner) == ((), (), "")


@pytest.mark.parametrize(
    ("instead_of", "written", "said"),
    [
        ("listen: 127.0.0.1:5301", "listen: []", "nameserver.listen: is empty; write at least one"),
        ("127.0.0.1:5301", "anywhere", "nameserver.listen[0]: 'anywhere' is no address with a port"),
        ("127.0.1.0/24", "127.0.1.1/24", "nameserver.places[0].network: '127.0.1.1/24' has bits set beyond"),
        ("US-CA", "California", "nameserver.places[1].subdivision: is not valid"),
        ("[ns1.fed.test]", "[]", "nameserver.zones[0].nameservers: is empty; write at least one"),
        ("      mailbox: hostmaster@fed.test\n", "", "nameserver.zones[0].mailbox: is missing; write it, for example"),
        ("type: A", "type: a record", "nameserver.zones[0].records[0].type: is not valid"),
        ("key-file: ./feed.key", "key-file: ./none", "nameserver.key-file: names ./none, which is no file"),
    ],
)
def test_its_mistakes_have_their_places(folder: Any, instead_of: str, written: str, said: str) -> None:
    assert instead_of in SECTION
    found = folder.mistakes(SECTION.replace(instead_of, written))
    assert any(f": {said}" in line for line in found), found


def test_what_the_name_server_itself_finds_wrong_is_told_with_the_rest(folder: Any) -> None:
    found = folder.mistakes("health: {fall: x}\n" + SECTION.replace("name: ns1.fed.test", "name: ns1.example.org"))
    assert len(found) == 2
    assert found[0] == "trafficfed.yaml:1: health.fall: must be a whole number"
    assert "trafficfed.yaml:2: nameserver: " in found[1]
    assert "outside the zone" in found[1]
