"""The form of a name follows the kinds of its endpoints; an annotation overrules that, where it is possible."""

import pytest

from trafficfed.model import Form
from trafficfed.testing.folding import FoldingFleet, balanced


def test_hostnames_alone_are_published_as_hostnames_unless_addresses_are_stated(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "www.example.org", ["lb.example.net"]))
    assert fleet.row("web").service.form is Form.HOSTNAME
    fleet.upsert("eu", balanced("web", "www.example.org", ["lb.example.net"], target_form="address"))
    assert fleet.row("web").service.form is Form.ADDRESS
    assert fleet.reasons("web") == []


def test_a_stated_hostname_form_is_kept(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "www.example.org", ["lb.example.net"], target_form="Hostname"))
    assert fleet.row("web").service.form is Form.HOSTNAME
    assert fleet.row("web").service.stated_form is Form.HOSTNAME


def test_an_endpoint_with_an_address_makes_the_hostname_form_impossible(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "www.example.org", ["lb.example.net"], target_form="hostname"))
    fleet.listed("us", balanced("web", "www.example.org", ["192.0.2.7"]))
    assert fleet.row("web").service.form is Form.ADDRESS
    assert fleet.reasons("web") == [("us", "FormNotPossible")]


def test_a_zones_own_name_is_always_addresses(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "example.org", ["lb.example.net"], target_form="hostname"))
    assert fleet.row("web").service.form is Form.ADDRESS
    assert fleet.reasons("web") == [("eu", "FormNotPossible")]


def test_two_forms_are_a_conflict_and_the_incumbents_holds(fleet: FoldingFleet) -> None:
    fleet.listed("us")
    fleet.listed("eu", balanced("web", "www.example.org", ["lb.example.net"], target_form="address"))
    fleet.upsert("us", balanced("web", "www.example.org", ["us.example.net"], target_form="hostname"))
    assert fleet.row("web").service.form is Form.ADDRESS
    assert fleet.reasons("web") == [("us", "Conflict")]


@pytest.mark.parametrize("text", ["cname", "", "address,hostname"])
def test_another_word_is_refused_with_the_known_ones(fleet: FoldingFleet, text: str) -> None:
    fleet.listed("eu", balanced("web", "www.example.org", ["lb.example.net"], target_form=text))
    (refusal,) = fleet.refusals("web")
    assert refusal.reason == "InvalidAnnotation"
    assert "address" in refusal.message
    assert "hostname" in refusal.message
    assert fleet.row("web").service.form is Form.HOSTNAME
