"""Every error answer is Refused (someone must act), Transient (time helps) or Expired (list anew), in one sentence."""

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Expired, Rejected, Status, Unavailable, failure_in_stream, failure_of

STATUS = b'{"kind":"Status","status":"Failure","message":"services is forbidden","reason":"Forbidden","code":403}'


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422, 302])
def test_what_only_someone_can_mend_is_refused(status: int) -> None:
    failure = failure_of(status, {}, b"", "the token of context eu")
    assert isinstance(failure, Rejected)
    assert isinstance(failure, Refused)
    assert failure.status == status


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 599])
def test_what_may_work_later_is_transient(status: int) -> None:
    failure = failure_of(status, {}, b"", "the token of context eu")
    assert isinstance(failure, Unavailable)
    assert failure.status == status
    assert failure.retry_after_s is None


def test_gone_means_list_anew() -> None:
    failure = failure_of(410, {}, b'{"message":"too old resource version: 4 (80)"}', "")
    assert isinstance(failure, Expired)
    assert isinstance(failure, Transient)
    assert str(failure) == "410 Gone: too old resource version: 4 (80)"


def test_the_servers_own_words_are_passed_on() -> None:
    assert str(failure_of(403, {}, STATUS, "")) == "403 Forbidden: services is forbidden"


def test_of_a_proxys_page_only_one_line_is_passed_on() -> None:
    page = b"<html>\n<head><title>502</title></head>\n" + b"x" * 10_000
    assert str(failure_of(502, {}, page, "")) == "502 Bad Gateway: <html>"


def test_an_unknown_status_has_a_name_all_the_same() -> None:
    assert str(failure_of(599, {}, b"", "")) == "599 error"


@pytest.mark.parametrize(("value", "expected"), [("1", 1.0), ("120", 120.0), ("soon", None), ("-5", None), ("", None)])
def test_only_whole_seconds_are_a_retry_after(value: str, expected: float | None) -> None:
    failure = failure_of(429, {"Retry-After": value}, b"", "")
    assert isinstance(failure, Unavailable)
    assert failure.retry_after_s == expected


def test_failures_inside_a_stream_are_the_same_failures() -> None:
    assert isinstance(failure_in_stream(Status("too old resource version", "Expired", 410)), Expired)
    assert isinstance(failure_in_stream(Status("etcd went away", "InternalError", 500)), Unavailable)
    assert isinstance(failure_in_stream(Status()), Unavailable)
