"""The RFC 2136 provider keeps the contract at a real BIND and a real Knot."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from trafficfed.model import RecordSet
from trafficfed.ports import Provider
from trafficfed.testing.authorities import Authority, Bind, Knot
from trafficfed.testing.provider_contract import Bench, FenceContract, ProviderContract
from trafficfed_providers.rfc2136 import Rfc2136

_: type[Provider] = Rfc2136


class Hand:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def write(self, record_set: RecordSet) -> None:
        self._authority.write(record_set.name, record_set.ttl, record_set.type, *record_set.values)

    def erase(self, name: str, rdtype: str) -> None:
        self._authority.erase(name, rdtype)

    def writes(self) -> int:
        return self._authority.update_count()


@pytest.fixture(scope="module", params=[Bind, Knot])
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    kind: type[Authority] = request.param
    with kind(Path(tmp_path_factory.mktemp(kind.binary)), "fed.test") as running:
        yield running


@pytest.fixture
async def bench(authority: Authority) -> AsyncIterator[Bench]:
    """The zone is shared by the tests of one server and emptied before each."""
    for name, rdtype in authority.records():
        if name not in {"fed.test", "ns.fed.test"}:
            authority.erase(name, rdtype)
    provider = Rfc2136.from_settings(authority.binary, authority.settings)
    yield Bench(provider, "fed.test", Hand(authority))
    await provider.close()


@pytest.mark.real
class TestRfc2136(ProviderContract, FenceContract):
    pass
