"""Turns: so many at once, fewer of one, in fairness, and none is lost when somebody goes away."""

import asyncio

import pytest

from assay.core.errors import UnavailableError
from assay.http.turns import Turns


def test_nobody_has_more_than_a_share_and_all_together_no_more_than_there_are():
    busy, most = {"a": 0, "b": 0, "c": 0}, {"a": 0, "all": 0}

    async def work(turns, who):
        async with turns.of(who):
            busy[who] += 1
            most["a"] = max(most["a"], busy["a"])
            most["all"] = max(most["all"], sum(busy.values()))
            await asyncio.sleep(0)
            busy[who] -= 1

    async def all_of_them():
        turns = Turns(4, 2)
        await asyncio.gather(*(work(turns, who) for who in "aaaaaaaaabbbcbac" * 5))

    asyncio.run(all_of_them())
    assert most == {"a": 2, "all": 4}


def test_who_comes_late_and_alone_does_not_wait_behind_the_crowd_of_another():
    order = []

    async def work(turns, who, number):
        async with turns.of(who):
            order.append((who, number))
            await asyncio.sleep(0)

    async def all_of_them():
        turns = Turns(1, 1)
        crowd = [asyncio.ensure_future(work(turns, "a", number)) for number in range(50)]
        await asyncio.sleep(0)
        await work(turns, "b", 0)
        await asyncio.gather(*crowd)

    asyncio.run(all_of_them())
    assert order.index(("b", 0)) <= 2
    assert [number for who, number in order if who == "a"] == [*range(50)]


def test_there_is_room_for_so_many_of_one_and_others_do_not_count():
    async def crowd():
        turns, let_go = Turns(1, 1, room=3), asyncio.Event()

        async def work(who):
            async with turns.of(who):
                await let_go.wait()

        waiting = [asyncio.ensure_future(work("a")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError):
            await work("a")
        waiting.append(asyncio.ensure_future(work("b")))
        let_go.set()
        await asyncio.gather(*waiting)
        await work("a")

    asyncio.run(crowd())


@pytest.mark.parametrize("turn_came", [False, True])
def test_who_goes_away_takes_no_turn_along(turn_came):
    async def leave():
        turns = Turns(1, 1)

        async def work():
            async with turns.of("a"):
                await asyncio.sleep(0)

        async with turns.of("a"):
            second, third = (asyncio.ensure_future(work()) for _ in range(2))
            await asyncio.sleep(0)
            if not turn_came:
                second.cancel()
        second.cancel()
        await asyncio.wait_for(third, 10)
        assert (await asyncio.gather(second, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        async with asyncio.timeout(10), turns.of("a"):
            pass

    asyncio.run(leave())
