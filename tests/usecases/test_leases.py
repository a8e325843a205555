"""Leases as a law: whatever workers do, pause or believe, one attempt at a time counts, once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.evidence import Measurement
from assay.core.jobs import LEASE, MAX_ATTEMPTS, Job, JobState, holds, let_go, taken
from assay.core.names import ModelName
from assay.core.promotions import PromotionState
from assay.storage import SqlDatabase
from assay.storage.database import sqlite_url
from assay.usecases.checking import Checking
from assay.wire.requests import Statement
from contracts.samples import NOON
from usecases.registry_world import HandClock, at

HOUR = timedelta(hours=1)


def worker_with_clock(world, root, off):
    """Checking by a worker whose own clock is wrong; the database's is the world's."""
    wrong = HandClock()
    wrong.at = world.clock.at + off
    database = SqlDatabase(sqlite_url(root / "r.db"), clock=world.clock)
    return Checking(replace(world.means, database=database, clock=wrong))


@pytest.mark.parametrize("off", [-HOUR, HOUR, timedelta(days=30)])
def test_a_worker_whose_clock_is_wrong_neither_steals_nor_starves(world, tmp_path, off):
    version = world.register()
    promotion = world.promote(version, "staging")
    wrong = worker_with_clock(world, tmp_path, off)
    held, _ = world.use.checking.lease("right")
    assert wrong.lease("wrong") is None
    assert wrong.sweep() == 0
    assert world.use.checking.keep(held)
    world.clock.at += LEASE
    stolen, _ = wrong.lease("wrong")
    assert stolen.id == held.id
    assert not world.use.checking.finish(held, "right", Measurement(problem="late"))
    assert wrong.keep(stolen)
    assert wrong.finish(stolen, "wrong", Measurement(problem="measured"))
    (filed,) = world.use.browsing.evidence(world.ada, at(version))
    assert filed.measured_at == filed.recorded_at == world.clock.at
    assert world.use.promoting.get(world.ada, promotion.id).state is PromotionState.REFUSED


def test_a_worker_that_comes_back_late_reports_nothing_though_nobody_took_the_job(world):
    version = world.register()
    world.promote(version, "staging")
    job, _ = world.use.checking.lease("paused")
    world.clock.at += LEASE
    assert not world.use.checking.keep(job)
    assert not world.use.checking.finish(job, "paused", Measurement())
    assert not world.use.checking.give_back(job)
    again, _ = world.use.checking.lease("paused")
    assert again.attempts == 2
    assert not world.use.checking.finish(job, "paused", Measurement())
    assert world.use.browsing.evidence(world.ada, at(version)) == ()


def test_a_job_that_is_given_back_is_free_at_once_and_no_attempt_was_made(world):
    world.promote(world.register(), "staging")
    for _ in range(2 * MAX_ATTEMPTS):
        job, _ = world.use.checking.lease("w")
        assert job.attempts == 1
        assert world.use.checking.give_back(job)
    assert not world.use.checking.finish(job, "w", Measurement())


def test_a_job_that_loses_its_node_every_time_fails_with_the_last_reason(world):
    version = world.register()
    world.promote(version, "staging")
    for number in range(MAX_ATTEMPTS):
        job, _ = world.use.checking.lease("w")
        assert world.use.checking.give_back(job, f"the node {number} died")
    assert world.use.checking.lease("w") is None
    (filed,) = world.use.browsing.evidence(world.ada, at(version))
    assert filed.measurement.problem == "given up after 3 attempts, the last time: the node 2 died"


def test_a_job_whose_workers_always_die_says_how_often_and_who_was_last(world):
    version = world.register()
    world.promote(version, "staging")
    for number in range(MAX_ATTEMPTS):
        assert world.use.checking.lease(f"worker {number}") is not None
        world.clock.at += LEASE
    assert world.use.checking.sweep() == 1
    (filed,) = world.use.browsing.evidence(world.ada, at(version))
    assert "after 3 attempts" in filed.measurement.problem
    assert "worker 2" in filed.measurement.problem


def test_what_a_dead_worker_held_is_given_back_and_counts(world):
    world.promote(world.register(), "staging")
    job, _ = world.use.checking.lease("dead")
    assert world.use.checking.give_back_all("other") == 0
    assert world.use.checking.give_back_all("dead") == 1
    again, _ = world.use.checking.lease("alive")
    assert (again.id, again.attempts) == (job.id, 2)


def test_a_cancelled_promotion_ends_its_checks_and_the_worker_loses_them(world):
    version = world.register()
    promotion = world.promote(version, "staging")
    job, _ = world.use.checking.lease("w")
    world.use.promoting.cancel(world.ada, promotion.id, Statement())
    assert not world.use.checking.keep(job)
    assert not world.use.checking.finish(job, "w", Measurement())
    assert world.use.checking.lease("w") is None
    (stored,) = world.use.reporting.jobs(world.ada, at(version))
    assert stored.state is JobState.FAILED
    assert promotion.id in stored.problem


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "keep", "finish", "let go", "wait"]), st.integers(0, 2)), max_size=40
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_at_most_one_holder_counts_at_any_time(steps):
    """Workers that act in any order, with any old lease in their hands, over one job."""
    job = Job("j", ModelName("a/b"), 1, "scan", {}, NOON, "ada")
    now, reports = NOON, 0
    hands = {0: None, 1: None, 2: None}
    for step, who in steps:
        held = hands[who]
        free = job.state is JobState.QUEUED or (job.state is JobState.LEASED and job.lease_until <= now)
        if step == "wait":
            now += LEASE / 2
        elif step == "take" and free:
            job = hands[who] = taken(job, "all of one name", now)
        elif held is not None and holds(job, held, now):
            assert sum(each is not None and holds(job, each, now) for each in hands.values()) == 1
            if step == "finish":
                job = replace(job, state=JobState.DONE)
                reports += 1
            elif step == "let go":
                job, hands[who] = let_go(job), None
    assert reports <= 1
