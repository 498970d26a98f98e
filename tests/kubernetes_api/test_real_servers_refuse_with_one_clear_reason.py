"""Against a real API server: what is wrong with credentials or permissions is told in one sentence."""

import asyncio
from pathlib import Path

import pytest

from trafficfed.testing.certificates import CertificateAuthority
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.followed import following, names
from trafficfed.testing.kubeconfigs import certificate_user, encoded

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


async def test_a_missing_permission_is_named(eu: RealCluster, tmp_path: Path) -> None:
    pair = eu.authority.client("nobody-in-particular")
    kubeconfig = eu.write_kubeconfig(tmp_path / "kubeconfig", certificate_user(pair))
    async with following(kubeconfig) as heard:
        reason = await heard.lost()
    assert reason.startswith('403 Forbidden: namespaces "kube-system" is forbidden: User "nobody-in-particular"')


async def test_a_bad_token_is_named(eu: RealCluster, tmp_path: Path) -> None:
    kubeconfig = eu.write_kubeconfig(tmp_path / "kubeconfig", {"token": "no-such-token"})
    async with following(kubeconfig) as heard:
        assert await heard.lost() == "401 Unauthorized: the token of context eu was refused"


async def test_a_certificate_of_another_authority_is_named(eu: RealCluster, tmp_path: Path) -> None:
    pair = CertificateAuthority.create().client("system:serviceaccount:trafficfed:trafficfed")
    kubeconfig = eu.write_kubeconfig(tmp_path / "kubeconfig", certificate_user(pair))
    async with following(kubeconfig) as heard:
        assert await heard.lost() == "401 Unauthorized: the client certificate of context eu was refused"


async def test_a_server_of_another_authority_is_named(eu: RealCluster, tmp_path: Path) -> None:
    stranger = encoded(CertificateAuthority.create().pem)
    kubeconfig = eu.write_kubeconfig(
        tmp_path / "kubeconfig", {"token": "secret"}, **{"certificate-authority-data": stranger}
    )
    async with following(kubeconfig) as heard:
        reason = await heard.lost()
    assert reason.startswith(f"the certificate of {eu.server} is not trusted (")
    assert reason.endswith("correct the certificate-authority of context eu")


async def test_a_token_of_a_service_account_is_enough(eu: RealCluster, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(await asyncio.to_thread(eu.token))
    kubeconfig = eu.write_kubeconfig(tmp_path / "kubeconfig", {"tokenFile": "token"})
    async with following(kubeconfig) as heard:
        assert "kubernetes" in names(await heard.listed())
