"""Throttling, errors, silence and missing rights end as what they are: waited out, transient, refused or not known."""

import asyncio
from typing import Any

import pytest

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.model import NameChange, Outcome, RecordSet
from trafficfed.testing.provider_contract import ONE, records
from trafficfed.testing.route53.account import Fault
from trafficfed.testing.route53.bench import ZONE, Route53Bench
from trafficfed_providers.route53 import INSYNC_POLL_S, Route53
from trafficfed_providers.route53_settings import parse_settings

DEADLINE_S = 20.0
NAME = f"web.{ZONE}"
CREATE = NameChange(name=NAME, after=records(NAME, ONE))


def provider_of(aws: Route53Bench, **settings: Any) -> Route53:
    return Route53("aws", parse_settings("aws", {**aws.settings, **settings}), aws.clock, aws.clock.sleep)


async def outcomes(route53: Route53, *changes: NameChange, deadline_s: float = DEADLINE_S) -> list[Outcome]:
    return [result.outcome for result in await route53.apply(ZONE, changes, deadline_s)]


async def test_within_its_budget_it_is_never_throttled(aws: Route53Bench, fresh_route53: Route53) -> None:
    """Five a second is all that an account has: the sixth request waits, and none is refused."""
    started_s = aws.clock.monotonic_s()
    for _ in range(30):
        await fresh_route53.read(ZONE, DEADLINE_S)
    assert aws.account.throttled == 0
    assert aws.clock.monotonic_s() - started_s >= 5.0


async def test_when_others_use_the_account_up_it_waits_and_goes_on(aws: Route53Bench, fresh_route53: Route53) -> None:
    aws.renew(rate_per_s=0.5, burst=1)
    assert await outcomes(fresh_route53, CREATE) == [Outcome.DONE]
    assert aws.account.throttled > 0
    assert aws.account.writes == 1


async def test_an_account_that_stays_used_up_is_named(aws: Route53Bench) -> None:
    async def until_the_deadline(duration_s: float) -> None:
        if duration_s > 0:
            raise TimeoutError

    aws.renew(rate_per_s=1e-9, burst=1)
    waiting = Route53("aws", parse_settings("aws", aws.settings), aws.clock, until_the_deadline)
    with pytest.raises(Transient, match=r"took longer than 20 s .*answers Throttling to .*: Rate exceeded"):
        await waiting.read(ZONE, DEADLINE_S)
    await waiting.close()


async def test_a_prior_request_under_way_is_waited_for(aws: Route53Bench, route53: Route53) -> None:
    aws.renew(busy_s=3.0)
    other = f"other.{ZONE}"
    assert await outcomes(route53, CREATE) == [Outcome.DONE]
    assert await outcomes(route53, NameChange(name=other, after=records(other, ONE))) == [Outcome.DONE]
    assert aws.account.writes == 2


async def test_waits_grow_and_have_an_end(aws: Route53Bench, route53: Route53) -> None:
    aws.account.fail(*[Fault("PriorRequestNotComplete", "still at it")] * 8)
    before = len(aws.clock.slept)
    assert await outcomes(route53, CREATE) == [Outcome.DONE]
    waits = [wait_s for wait_s in aws.clock.slept[before:] if wait_s > 0]
    assert max(waits) <= 4.0
    assert waits[0] < waits[3]


async def test_a_fault_of_the_service_leaves_the_outcome_unknown(aws: Route53Bench, route53: Route53) -> None:
    await route53.read(ZONE, DEADLINE_S)
    aws.account.fail(Fault("InternalFailure", "oops", 500))
    assert await outcomes(route53, CREATE) == [Outcome.FAILED]


async def test_a_lost_answer_is_not_taken_for_a_failure_nor_tried_again(aws: Route53Bench, route53: Route53) -> None:
    await route53.read(ZONE, DEADLINE_S)
    aws.server.drop_next_response = True
    assert await outcomes(route53, CREATE) == [Outcome.FAILED]
    assert aws.account.writes == 1
    assert {*await route53.read_names(ZONE, [NAME], DEADLINE_S)} == {CREATE.after[0]}


async def test_the_names_behind_a_lost_answer_are_not_tried(aws: Route53Bench, route53: Route53) -> None:
    values = tuple(f"192.0.2.{number}" for number in range(250))
    names = [f"n{number}.{ZONE}" for number in range(6)]
    await route53.read(ZONE, DEADLINE_S)
    aws.server.drop_next_response = True
    many = [NameChange(name=name, after=records(name, ("A", 30, values))) for name in names]
    assert await outcomes(route53, *many) == [Outcome.FAILED] * 6
    assert len(aws.requests("ChangeResourceRecordSets")) == 1


async def test_a_service_that_hangs_ends_at_the_deadline(aws: Route53Bench, fresh_route53: Route53) -> None:
    await fresh_route53.read(ZONE, DEADLINE_S)
    with aws.server.hold():
        assert await outcomes(fresh_route53, CREATE, deadline_s=0.05) == [Outcome.FAILED]
        with pytest.raises(Transient, match=r"took longer than 0\.05 s"):
            await fresh_route53.read(ZONE, 0.05)


async def test_nobody_at_the_address_is_transient(aws: Route53Bench) -> None:
    gone = provider_of(aws, **{"endpoint-url": "http://127.0.0.1:9"})
    with pytest.raises(Transient, match="Route 53 cannot be reached"):
        await gone.apply(ZONE, (CREATE,), DEADLINE_S)
    await gone.close()


@pytest.mark.parametrize("operation", ["ChangeResourceRecordSets", "ListHostedZonesByName"])
async def test_a_missing_right_is_refused_by_its_name(
    aws: Route53Bench, fresh_route53: Route53, operation: str
) -> None:
    aws.account.denied.add(operation)
    with pytest.raises(Refused, match=f"route53:{operation}.*check the credentials and that their policy"):
        await fresh_route53.apply(ZONE, (CREATE,), DEADLINE_S)
    assert aws.account.writes == 0


async def test_a_reading_that_is_not_taken_is_refused(aws: Route53Bench, route53: Route53) -> None:
    await route53.read(ZONE, DEADLINE_S)
    aws.account.fail(Fault("InvalidInput", "no such thing"))
    with pytest.raises(Refused, match="does not take list_resource_record_sets: no such thing"):
        await route53.read(ZONE, DEADLINE_S)


async def test_wrong_credentials_are_refused(aws: Route53Bench) -> None:
    stranger = provider_of(aws, **{"access-key-id": "AKIASOMEBODYELSE0000"})
    with pytest.raises(Refused, match="InvalidClientTokenId"):
        await stranger.read(ZONE, DEADLINE_S)
    await stranger.close()


async def test_without_any_credentials_the_fix_is_named(aws: Route53Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    nobody = Route53.from_settings("aws", {"endpoint-url": aws.server.url})
    with pytest.raises(Refused, match="no AWS credentials were found: give access-key-id"):
        await nobody.read(ZONE, DEADLINE_S)
    await nobody.close()


async def test_credentials_of_the_environment_are_the_ordinary_chain(
    aws: Route53Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.account.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made up")
    somebody = Route53.from_settings("aws", {"endpoint-url": aws.server.url})
    assert [found.type for found in await somebody.read(ZONE, DEADLINE_S)] == ["NS"]
    await somebody.close()


def test_an_unknown_profile_is_a_mistake_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigError, match=r"providers\.aws\.profile: AWS's configuration has no profile prod"):
        Route53.from_settings("aws", {"profile": "prod"})


async def test_an_unknown_zone_is_refused(aws: Route53Bench, route53: Route53) -> None:
    with pytest.raises(Refused, match=r"this account has no hosted zone other\.test: make it"):
        await route53.read("other.test", DEADLINE_S)


async def test_several_zones_of_a_name_have_to_be_told_apart(aws: Route53Bench, fresh_route53: Route53) -> None:
    other = aws.account.add_zone(ZONE)
    with pytest.raises(Refused, match=rf"several public hosted zones \({aws.zone.id}, {other.id}\): name one under"):
        await fresh_route53.read(ZONE, DEADLINE_S)
    chosen = provider_of(aws, **{"zone-id": {ZONE: other.id}})
    await chosen.apply(ZONE, (CREATE,), DEADLINE_S)
    assert len(other.records()) == 4
    assert len(aws.zone.records()) == 2
    await chosen.close()


async def test_a_private_zone_is_published_into_only_where_it_is_named(
    aws: Route53Bench, fresh_route53: Route53
) -> None:
    private = aws.account.add_zone("inside.test", private=True)
    with pytest.raises(Refused, match="private hosted zones only"):
        await fresh_route53.read("inside.test", DEADLINE_S)
    aws.account.add_zone("inside.test")
    await fresh_route53.read("inside.test", DEADLINE_S)
    assert aws.requests("ListResourceRecordSets")[-1]["HostedZoneId"] != private.id


async def test_a_zone_that_was_made_anew_is_found_again(aws: Route53Bench, fresh_route53: Route53) -> None:
    await fresh_route53.read(ZONE, DEADLINE_S)
    with aws.server.at_hand():
        aws.account.remove_zone(aws.zone.id)
        aws.account.add_zone(ZONE)
    with pytest.raises(Refused, match="NoSuchHostedZone"):
        await fresh_route53.read(ZONE, DEADLINE_S)
    assert [found.type for found in await fresh_route53.read(ZONE, DEADLINE_S)] == ["NS"]


async def test_a_batch_goes_on_while_the_one_before_is_pending(aws: Route53Bench, fresh_route53: Route53) -> None:
    other = f"other.{ZONE}"
    await outcomes(fresh_route53, CREATE)
    await outcomes(fresh_route53, NameChange(name=other, after=records(other, ONE)))
    assert aws.requests("GetChange") == []
    assert await fresh_route53.in_sync(DEADLINE_S)
    assert aws.account.insync_s - INSYNC_POLL_S < sum(wait_s for wait_s in aws.clock.slept if wait_s == INSYNC_POLL_S)
    asked = len(aws.requests("GetChange"))
    assert await fresh_route53.in_sync(DEADLINE_S)
    assert len(aws.requests("GetChange")) == asked


async def test_a_change_that_does_not_get_in_sync_is_told(aws: Route53Bench, fresh_route53: Route53) -> None:
    await outcomes(fresh_route53, CREATE)
    with aws.server.hold():
        assert not await fresh_route53.in_sync(0.05)


async def test_many_who_wait_for_it_ask_once(aws: Route53Bench, fresh_route53: Route53) -> None:
    aws.renew(insync_s=0.0)
    await outcomes(fresh_route53, CREATE)
    assert await asyncio.gather(*(fresh_route53.in_sync(DEADLINE_S) for _ in range(8))) == [True] * 8
    assert len(aws.requests("GetChange")) == 1


async def test_a_status_that_may_not_be_asked_is_no_error_of_the_zone(
    aws: Route53Bench, fresh_route53: Route53
) -> None:
    aws.account.denied.add("GetChange")
    assert await outcomes(fresh_route53, CREATE) == [Outcome.DONE]
    assert not await fresh_route53.in_sync(DEADLINE_S)


async def test_two_who_write_at_once_take_turns(aws: Route53Bench, route53: Route53) -> None:
    names = [f"n{number}.{ZONE}" for number in range(4)]
    changes = [NameChange(name=name, after=records(name, ONE)) for name in names]
    found = await asyncio.gather(*(outcomes(route53, change) for change in changes))
    assert found == [[Outcome.DONE]] * 4


async def test_what_is_read_is_sorted_and_plain(aws: Route53Bench, route53: Route53) -> None:
    await outcomes(route53, CREATE)
    found = await route53.read(ZONE, DEADLINE_S)
    assert [there.type for there in found] == ["TXT", "NS", "A"]
    assert all(isinstance(there, RecordSet) and there.routing is None for there in found)
