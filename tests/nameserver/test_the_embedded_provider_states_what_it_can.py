"""The embedded provider loses nothing in lowering, and has no record sets to read or write."""

import pytest

from trafficfed.errors import ConfigError, Refused
from trafficfed.ports import Provider
from trafficfed_providers.embedded import Embedded


def test_it_expresses_every_kind_of_rule() -> None:
    provider: Provider = Embedded.from_settings("own", {})
    can = provider.capabilities
    assert can.weighted
    assert can.failover
    assert {"network", "subdivision", "country", "continent"} <= set(can.geo)


async def test_reading_and_writing_record_sets_is_refused_with_the_reason() -> None:
    provider = Embedded.from_settings("own", {})
    with pytest.raises(Refused, match=r"zone example.org: .* it follows the feed"):
        await provider.read("example.org", 1.0)
    with pytest.raises(Refused):
        await provider.read_names("example.org", ("web.example.org",), 1.0)
    with pytest.raises(Refused):
        await provider.apply("example.org", (), 1.0)
    await provider.close()


def test_settings_of_its_own_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"providers.own: embedded has no setting listen, zone; "):
        Embedded.from_settings("own", {"zone": "x", "listen": "y"})
