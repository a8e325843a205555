"""A view shares one state of the records among all that its thread reads inside of it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from assay.core.names import ModelName
from contracts.samples import model

NAME = "team/later"


def is_there(database):
    with database.read() as records:
        return records.models.get(ModelName(NAME)) is not None


def save(database):
    with database.write() as records:
        records.models.add(model(NAME))


def test_what_others_write_meanwhile_is_not_in_it_and_is_seen_after_it(database):
    with ThreadPoolExecutor(1) as other, database.view():
        assert not is_there(database)
        other.submit(save, database).result()
        assert other.submit(is_there, database).result(), "a view is one thread's own"
        assert not is_there(database)
    assert is_there(database)


def test_a_view_in_a_view_is_the_same(database):
    with ThreadPoolExecutor(1) as other, database.view():
        assert not is_there(database)
        other.submit(save, database).result()
        with database.view():
            assert not is_there(database)
        assert not is_there(database)


def test_a_view_that_fails_leaves_nothing_behind(database):
    with pytest.raises(ZeroDivisionError), database.view():
        raise ZeroDivisionError
    save(database)
    assert is_there(database)
    assert database.connections()[0] == 0


def test_many_threads_have_views_of_their_own(database):
    start, seen = threading.Barrier(4), []

    def look(number):
        start.wait()
        with database.view():
            before = is_there(database)
            if number == 0:
                with ThreadPoolExecutor(1) as other:
                    other.submit(save, database).result()
            seen.append(is_there(database) == before)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert seen == [True] * 4
