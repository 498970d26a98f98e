"""Text written by hand is read back by the client library's own parser, whatever users put into names."""

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from trafficfed.observe.exposition import PAUSE, Dropped, Family, chunks, lines

values = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=12
)
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


def text(families: list[Family], limit: int) -> tuple[str, int]:
    dropped = Dropped()
    return "".join(f"{line}\n" for line in lines(families, limit, dropped)), dropped.count


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20), st.integers(1, 50))
def test_pieces_put_together_are_all_lines(written: list[str], size: int) -> None:
    pieces = list(chunks(written, size))
    assert b"".join(pieces) == "".join(f"{line}\n" for line in written).encode()
    assert all(len(piece.decode()) >= size for piece in pieces[:-1])


@given(st.dictionaries(st.tuples(values, values), numbers, max_size=6), values)
def test_every_label_value_and_number_is_read_back(samples: dict[tuple[str, str], float], about: str) -> None:
    written, dropped = text([Family("trafficfed_x", f"About {about}.", ("a", "b"), samples.items())], 100)
    (family,) = text_string_to_metric_families(written)
    read = {(sample.labels["a"], sample.labels["b"]): sample.value for sample in family.samples}
    assert dropped == 0
    assert family.type == "gauge"
    assert read.keys() == samples.keys()
    assert all(math.isclose(read[key], samples[key], rel_tol=1e-9) for key in samples)


@given(st.integers(0, 20), st.integers(0, 20))
def test_each_family_is_cut_at_the_limit_and_the_rest_is_counted(size: int, limit: int) -> None:
    families = [Family(f"trafficfed_{name}", "X.", ("n",), (((str(n),), 1.0) for n in range(size))) for name in "ab"]
    written, dropped = text(families, limit)
    shown = sum(len(family.samples) for family in text_string_to_metric_families(written))
    assert shown == 2 * min(size, limit)
    assert shown + dropped == 2 * size


def test_a_family_without_labels_has_no_braces() -> None:
    assert text([Family("trafficfed_x", "X.", (), [((), 2.5)])], 1)[0].splitlines()[-1] == "trafficfed_x 2.5"


def test_large_timestamps_keep_their_seconds() -> None:
    written, _ = text([Family("trafficfed_x", "X.", (), [((), 1_795_000_123.25)])], 1)
    assert written.splitlines()[-1] == "trafficfed_x 1795000123.25"


def test_leaving_out_many_lets_other_work_in_between() -> None:
    dropped = Dropped()
    family = Family("trafficfed_x", "X.", ("n",), (((str(n),), 1.0) for n in range(3 * PAUSE)))
    pieces = list(chunks(lines([family], 2, dropped), 1_000_000))
    assert dropped.count == 3 * PAUSE - 2
    assert pieces[:-1] == [b"", b""]
    assert len(pieces[-1].splitlines()) == 4
