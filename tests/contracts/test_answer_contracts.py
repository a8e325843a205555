"""What every store must do with kept answers, and with the counts that operators watch."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.core.answers import KeptAnswer
from assay.core.deliveries import DeliveryState
from assay.core.digests import digest_of
from assay.core.figures import Figures
from assay.core.jobs import Job, JobState
from assay.core.keeping import BlobState, KnownBlob
from assay.core.promotions import PromotionState

AT = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)


def answer(number, **more):
    return KeptAnswer(f"{number:064}", "f" * 64, AT + timedelta(seconds=number), **more)


@pytest.mark.parametrize(
    "kept",
    [
        answer(1),
        answer(1, status=201, body='{"name":"Zoë \\u0000 模型"}'),
        answer(1, status=409, body=None),
        answer(1, status=201, body="gAAAA", sealed=True),
    ],
)
def test_an_answer_comes_back_as_it_was_kept(database, kept):
    with database.write() as records:
        records.answers.keep(kept)
    with database.read() as records:
        assert records.answers.get(kept.id) == kept
        assert records.answers.get("0" * 64) is None


def test_the_last_answer_of_an_id_is_the_one(database):
    with database.write() as records:
        records.answers.keep(answer(1))
        records.answers.keep(answer(1, status=201, body="{}"))
        assert records.answers.get(answer(1).id) == answer(1, status=201, body="{}")


def test_the_oldest_are_forgotten_first_and_not_too_many_at_once(database):
    with database.write() as records:
        for number in range(10):
            records.answers.keep(answer(number))
        assert records.answers.forget(answer(6).made_at, 4) == 4
        assert [number for number in range(10) if records.answers.get(answer(number).id)] == [
            4,
            5,
            6,
            7,
            8,
            9,
        ]
        assert records.answers.forget(answer(6).made_at, 4) == 2
        assert records.answers.forget(answer(6).made_at, 4) == 0


def test_what_is_undone_is_not_kept(database):
    with pytest.raises(AttributeError), database.write() as records:
        records.answers.keep(answer(1)).no_such_thing  # noqa: B018
    with database.read() as records:
        assert records.answers.get(answer(1).id) is None


def test_an_empty_registry_counts_nothing(database):
    with database.read() as records:
        figures = records.tallies.figures()
        assert figures == Figures(
            jobs={each.value: 0 for each in JobState},
            promotions={each.value: 0 for each in PromotionState},
            deliveries={each.value: 0 for each in DeliveryState},
        )
        assert records.tallies.blobs() == (0, 0)
        assert records.tallies.misfit() == ""


def test_jobs_are_counted_by_state_and_the_oldest_that_waits_is_found(filled):
    with filled.write() as records:
        for number, state in enumerate([JobState.DONE, JobState.QUEUED, JobState.QUEUED, JobState.LEASED]):
            records.jobs.add(
                Job(
                    id=f"job_{number}",
                    model="team/task",
                    number=1,
                    check="load",
                    settings={},
                    created_at=AT + timedelta(seconds=number),
                    requested_by="ada",
                    state=state,
                )
            )
        figures = records.tallies.figures()
    assert figures.jobs == {"done": 1, "queued": 2, "leased": 1, "failed": 0}
    assert figures.oldest_job_at == AT + timedelta(seconds=1)


def test_known_blobs_are_counted_with_their_bytes(database):
    with database.write() as records:
        for number, size_bytes in enumerate((0, 7, 2**62)):
            digest = digest_of(bytes([number]))
            records.known_blobs.put(KnownBlob(digest, size_bytes, BlobState.LIVE, AT, AT))
        assert records.tallies.blobs() == (3, 2**62 + 7)


def test_connections_in_use_are_told(database):
    most = database.connections()[1]
    with database.read():
        assert database.connections() == (1, most)
    assert database.connections()[0] == 0
