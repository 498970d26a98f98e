"""Expressions are evaluated by a process of their own: a bomb ends that, and is named; nothing else suffers."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from trafficfed.baseline.evaluator import Evaluator
from trafficfed.baseline.judging import Item, Program
from trafficfed.errors import Transient

pytestmark = pytest.mark.slow

HUNDREDFOLD = ".replace('a', '" + "a" * 100 + "')"
MEMORY_BOMB = f"'a'{HUNDREDFOLD * 8}.size() > 5"
OBJECTS_BOMB = f"!has(object.bomb) || object.bomb{HUNDREDFOLD * 8}.size() > 5"
COMPUTING_BOMB = "!has(object.bomb) || object.l.map(a, object.l.map(b, object.l)).size() > 0"


@asynccontextmanager
async def evaluator() -> AsyncIterator[Evaluator]:
    made = Evaluator()
    try:
        yield made
    finally:
        await made.close()


def item(**fields: object) -> Item:
    return Item(object=json.dumps(fields).encode())


async def test_a_rule_that_bursts_whatever_it_is_asked_is_refused_at_once() -> None:
    async with evaluator() as it:
        (fault,) = await it.compile(Program(expression=MEMORY_BOMB))
        assert fault.problem.reason == "TooCostly"
        assert await it.compile(Program(expression="true")) == ()


@pytest.mark.parametrize("bomb", [OBJECTS_BOMB, COMPUTING_BOMB])
async def test_one_object_that_is_too_much_is_named_and_the_others_are_judged(bomb: str) -> None:
    async with evaluator() as it:
        program = Program(expression=bomb)
        assert await it.compile(program) == ()
        items = tuple(item(bomb="a", l=list(range(9000))) if at == 7 else item(name=str(at)) for at in range(20))
        found = await it.judge(program, b"{}", items)
        assert [at for at, each in enumerate(found) if not each.holds] == [7]
        assert found[7].costly


async def test_a_process_that_was_killed_is_no_fault_of_a_rule_and_is_replaced() -> None:
    async with evaluator() as it:
        program = Program(expression="object.name == 'a'")
        assert (await it.judge(program, b"{}", (item(name="a"),)))[0].holds
        process = it._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(Transient, match="ended with -9"):
            await it.judge(program, b"{}", (item(name="a"),))
        assert (await it.judge(program, b"{}", (item(name="a"),)))[0].holds


async def test_a_question_that_is_given_up_leaves_no_answer_for_the_next() -> None:
    async with evaluator() as it:
        await it.compile(Program(expression="true"))
        many = tuple(item(name="a") for _ in range(20_000))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await it.judge(Program(expression="object.name == 'a'"), b"{}", many)
        found = await it.judge(Program(expression="object.name == 'b'"), b"{}", (item(name="b"), item(name="a")))
        assert [each.holds for each in found] == [True, False]


async def test_large_objects_are_asked_about_in_parts() -> None:
    async with evaluator() as it:
        large = tuple(item(name=str(number), data="x" * (1 << 20)) for number in range(30))
        found = await it.judge(Program(expression="object.data.size() > 5 && object.name != '7'"), b"{}", large)
        assert [at for at, each in enumerate(found) if not each.holds] == [7]
