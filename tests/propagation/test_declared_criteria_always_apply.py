"""Names, labels, properties and compliance decide at all times, and every cluster gets a reason."""

from typing import Any

import pytest

from trafficfed.model import Cluster
from trafficfed.propagation.assignment import Choice
from trafficfed.propagation.place import Candidate, Measured, choose
from trafficfed.testing.propagating import candidates, chosen, cluster, dividing, placing, policy, reasons

NOTHING = Measured()

FLEET = tuple(
    Candidate(cluster=each)
    for each in (
        cluster(
            "eu", region="eu-west-1", provider="aws", country="IE", labels={"env": "prod"}, compliance={"gdpr": "yes"}
        ),
        cluster("us", region="us-east-1", provider="google", country="US", labels={"env": "prod", "gpu": "a100"}),
        cluster(
            "dev", region="eu-west-1", provider="aws", country="IE", labels={"env": "dev"}, compliance={"gdpr": "no"}
        ),
    )
)


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ({}, ("dev", "eu", "us")),
        ({"clusterAffinity": {"clusterNames": ["us", "eu"]}}, ("eu", "us")),
        ({"clusterAffinity": {"exclude": ["us"]}}, ("dev", "eu")),
        ({"clusterAffinity": {"regions": ["us-east-1"]}}, ("us",)),
        ({"clusterAffinity": {"providers": ["aws"]}}, ("dev", "eu")),
        ({"clusterAffinity": {"countries": ["US", "CA"]}}, ("us",)),
        ({"clusterAffinity": {"labelSelector": {"matchLabels": {"env": "prod"}}}}, ("eu", "us")),
        (
            {
                "clusterAffinity": {
                    "labelSelector": {"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["dev"]}]}
                }
            },
            ("eu", "us"),
        ),
        (
            {"clusterAffinity": {"labelSelector": {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}}},
            ("us",),
        ),
        (
            {"clusterAffinity": {"labelSelector": {"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}}},
            ("dev", "eu"),
        ),
        (
            {
                "clusterAffinity": {
                    "labelSelector": {"matchExpressions": [{"key": "env", "operator": "In", "values": ["dev", "test"]}]}
                }
            },
            ("dev",),
        ),
        ({"compliance": {"gdpr": "yes"}}, ("eu",)),
        ({"clusterAffinity": {"providers": ["aws"], "labelSelector": {"matchLabels": {"env": "prod"}}}}, ("eu",)),
    ],
)
def test_what_is_declared_must_hold(placement: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert chosen(placing(**placement), FLEET) == expected


def test_every_cluster_out_says_which_criterion_it_fails() -> None:
    ruling = placing(
        clusterAffinity={"clusterNames": ["eu", "dev", "mars"], "labelSelector": {"matchLabels": {"env": "prod"}}}
    )
    found = choose(ruling, FLEET, NOTHING, None)
    assert reasons(found) == {"dev": "LabelsDiffer", "eu": "Fits", "mars": "UnknownCluster", "us": "NotNamed"}


def test_a_cluster_without_the_certificate_is_told_what_is_demanded() -> None:
    found = choose(placing(compliance={"gdpr": "yes"}), FLEET, NOTHING, None)
    messages = {each.cluster: each.message for each in found.findings if not each.chosen}
    assert messages == {
        "dev": "compliance gdpr is no, yes is demanded",
        "us": "compliance gdpr is not stated, yes is demanded",
    }


def test_a_cluster_whose_labels_change_leaves_as_soon_as_another_fits() -> None:
    ruling = placing(clusterAffinity={"labelSelector": {"matchLabels": {"env": "prod"}}})
    before = Choice(policy=ruling.key, clusters=("dev",))
    assert chosen(ruling, FLEET, NOTHING, before) == ("eu", "us")


def test_a_cluster_that_comes_to_fit_joins() -> None:
    ruling = placing(clusterAffinity={"labelSelector": {"matchLabels": {"env": "prod"}}})
    before = choose(ruling, FLEET[:1], NOTHING, None).choice
    assert chosen(ruling, FLEET, NOTHING, before) == ("eu", "us")


def test_where_nothing_fits_any_more_what_runs_stays_and_says_so() -> None:
    before = Choice(policy=placing().key, clusters=("eu",))
    found = choose(placing(clusterAffinity={"regions": ["ap-south-1"]}), FLEET, NOTHING, before)
    assert found.kept
    assert found.choice is not None
    assert found.choice.clusters == ("eu",)
    assert reasons(found)["eu"] == "KeptNothingFits"


def test_where_nothing_ever_fitted_nothing_is_chosen() -> None:
    found = choose(placing(clusterAffinity={"regions": ["ap-south-1"]}), FLEET, NOTHING, None)
    assert not found.kept
    assert found.choice is not None
    assert found.choice.clusters == ()


def test_a_member_out_of_reach_is_not_chosen_anew_but_keeps_its_place() -> None:
    ruling, fleet = placing(), candidates("eu", "us", unreachable=["us"])
    assert reasons(choose(ruling, fleet, NOTHING, None)) == {"eu": "Fits", "us": "Unreachable"}
    before = Choice(policy=ruling.key, clusters=("eu", "us"))
    found = choose(ruling, fleet, NOTHING, before)
    assert reasons(found) == {"eu": "Kept", "us": "KeptUnreachable"}


def test_a_member_that_vanished_from_the_configuration_keeps_its_place() -> None:
    ruling = placing()
    before = Choice(policy=ruling.key, clusters=("eu", "us"))
    found = choose(ruling, candidates("eu"), NOTHING, before)
    assert found.choice is not None
    assert found.choice.clusters == ("eu", "us")
    assert reasons(found)["us"] == "KeptNotConfigured"


def test_a_policy_can_end_what_vanished_from_the_configuration() -> None:
    ruling = placing(clusterAffinity={"clusterNames": ["eu"]})
    before = Choice(policy=ruling.key, clusters=("eu", "us"))
    assert chosen(ruling, candidates("eu"), NOTHING, before) == ("eu",)


def test_the_hub_gets_no_share_of_divided_replicas() -> None:
    fleet = (Candidate(cluster=Cluster(name="hub"), holds_templates=True), *candidates("eu"))
    assert reasons(choose(dividing(), fleet, NOTHING, None)) == {"hub": "HoldsTheTemplates", "eu": "Fits"}
    assert reasons(choose(policy(), fleet, NOTHING, None)) == {"hub": "Fits", "eu": "Fits"}
