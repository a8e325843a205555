"""What every store must do for the queue of checks, and for the clock by which leases are judged."""

import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assay.core.jobs import MAX_ATTEMPTS, JobState, ended, let_go, taken
from contracts.samples import MODEL, job, later


@pytest.fixture
def queue(filled):
    """A database with two jobs; the one that was added first is the younger."""
    with filled.write() as records:
        records.jobs.add(job("job_2", at=2))
        records.jobs.add(job("job_1", at=1))
    return filled


def take(database, worker, at):
    with database.write() as records:
        found = records.jobs.free(later(at))
        if found is None:
            return None
        after = taken(found, worker, later(at))
        assert records.jobs.change(found, after)
        return after


def free(database, at):
    with database.read() as records:
        return records.jobs.free(later(at))


def test_the_oldest_job_is_taken_first_and_is_nobody_elses_until_its_lease_is_over(queue):
    one, two = take(queue, "w1", 10), take(queue, "w2", 10)
    assert (one.id, two.id, one.attempts) == ("job_1", "job_2", 1)
    assert free(queue, 69) is None
    assert free(queue, 70) == one


def test_a_job_whose_lease_is_over_waits_among_the_others_in_their_order(queue):
    take(queue, "w1", 10)
    assert free(queue, 100).id == "job_1"
    with queue.write() as records:
        records.jobs.add(job("job_0", at=0))
    assert free(queue, 100).id == "job_0"


def test_a_change_counts_only_for_who_holds_the_job(queue):
    first = take(queue, "same", 10)
    second = take(queue, "same", 80)
    assert (second.id, second.attempts) == (first.id, 2)
    with queue.write() as records:
        assert not records.jobs.change(first, ended(first))
        assert not records.jobs.change(replace(second, lease_owner="other"), ended(second))
        assert not records.jobs.change(replace(second, state=JobState.QUEUED), ended(second))
        assert records.jobs.get(first.id) == second
        assert records.jobs.change(second, ended(second))
        assert not records.jobs.change(second, ended(second, "again"))
        assert records.jobs.get(first.id).state is JobState.DONE


def test_a_job_that_was_let_go_waits_at_once(queue):
    held = take(queue, "w", 10)
    with queue.write() as records:
        assert records.jobs.change(held, let_go(held))
    assert free(queue, 11) == job("job_1", at=1)


def test_after_the_last_attempt_a_job_is_not_taken_but_exhausted(queue):
    with queue.write() as records:
        second = records.jobs.get("job_2")
        records.jobs.change(second, ended(second))
    for attempt in range(MAX_ATTEMPTS):
        assert take(queue, "w", attempt * 100) is not None
    assert free(queue, 1000) is None
    with queue.read() as records:
        assert records.jobs.exhausted(later(201)) == ()
        (spent,) = records.jobs.exhausted(later(1000))
    assert (spent.id, spent.attempts) == ("job_1", MAX_ATTEMPTS)


def test_the_jobs_of_a_worker_and_of_a_version_are_found(queue):
    held = take(queue, "w1", 10)
    with queue.read() as records:
        assert records.jobs.of_worker("w1") == (held,)
        assert records.jobs.of_worker("w2") == ()
        assert [each.id for each in records.jobs.of_version(MODEL, 1)] == ["job_2", "job_1"]


def test_of_many_workers_that_take_at_once_each_job_goes_to_one_and_all_are_taken(open_database, filled):
    with filled.write() as records:
        for number in range(40):
            records.jobs.add(job(f"job_{number:02d}", at=number))
    taken_by = {}
    start = threading.Barrier(4)

    def work(name):
        with closing(open_database()) as own:
            start.wait()
            while (found := take(own, name, 100)) is not None:
                taken_by.setdefault(found.id, []).append(name)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(taken_by) == 40
    assert all(len(names) == 1 for names in taken_by.values())


def test_the_databases_clock_is_one_for_all_and_goes_on(open_database):
    with closing(open_database()) as one, closing(open_database()) as two:
        seen = []
        for database in (one, two, one):
            with database.read() as records:
                seen.append(records.clock.now())
    assert seen == sorted(seen)
    assert all(each.tzinfo is UTC for each in seen)
    assert abs(seen[0] - datetime.now(UTC)) < timedelta(minutes=10)
