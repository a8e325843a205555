"""Gates of registration: what they let through is ready; all else goes nowhere and says why."""

import pytest

from assay.core.errors import BadInputError, RefusedError
from assay.core.promotions import PromotionState, RegistrationState
from assay.core.stages import Stage
from assay.wire.requests import RunCheck, Statement
from usecases.registry_world import MODEL, POLICY, at

METRICS = {"metrics": {"minimum": {"accuracy": 0.9}}}


def demand(world, *gates, mode="enforce"):
    gated = {"development": list(gates), **POLICY["gates"]} if gates else POLICY["gates"]
    world.use.policies.set(world.local, "", {**POLICY, "mode": mode, "gates": gated})


def registration(world, version):
    return world.use.promoting.registration(world.ada, at(version))


def newest(world):
    return world.use.promoting.list(world.ada, MODEL)[0]


def test_without_gates_of_registration_a_version_is_ready_at_once(world):
    version = world.register()
    assert registration(world, version).state is RegistrationState.READY
    assert world.use.promoting.list(world.ada, MODEL) == ()


def test_gates_that_read_the_version_alone_answer_at_once(world):
    demand(world, "signature", "provenance")
    version = world.register()
    assert registration(world, version).state is RegistrationState.READY
    bare = world.register(signature=None)
    failed = registration(world, bare)
    assert failed.state is RegistrationState.FAILED
    assert any(reason.startswith("signature: ") for reason in failed.reasons)
    assert failed.reasons[-1].startswith("next: ")


@pytest.mark.parametrize(
    ("accuracy", "state"), [(0.95, RegistrationState.READY), (0.1, RegistrationState.FAILED)]
)
def test_a_version_is_pending_until_its_checks_have_run(accuracy, state, world):
    demand(world, METRICS)
    version = world.register()
    pending = registration(world, version)
    assert pending.state is RegistrationState.PENDING
    assert pending.promotion_id == newest(world).id
    world.work(accuracy)
    assert registration(world, version).state is state
    assert world.stage(version) is Stage.DEVELOPMENT
    assert world.use.browsing.history(world.ada, MODEL) == ()


@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("accuracy", [None, 0.1], ids=["pending", "failed"])
def test_what_is_not_registered_goes_nowhere_in_any_mode(mode, accuracy, world):
    demand(world, METRICS, mode=mode)
    version = world.register()
    if accuracy is not None:
        world.work(accuracy)
    before = len(world.events())
    with pytest.raises(RefusedError, match="registration of") as caught:
        world.promote(version, "staging")
    assert caught.value.reasons
    assert caught.value.hint == f"assay promotions show {newest(world).id}"
    assert len(world.events()) == before
    assert world.stage(version) is Stage.DEVELOPMENT


def test_a_failed_registration_can_be_asked_for_anew_and_a_good_one_cannot(world):
    demand(world, METRICS)
    version = world.register()
    world.work(0.1)
    demand(world, {"metrics": {"minimum": {"accuracy": 0.05}}})
    assert world.promote(version, "development").state is PromotionState.PROMOTED
    assert registration(world, version).state is RegistrationState.READY
    assert world.to_staging(version).state is PromotionState.REFUSED
    with pytest.raises(BadInputError, match="staging or production"):
        world.promote(version, "development")


def test_a_registration_that_was_cancelled_is_none(world):
    demand(world, METRICS)
    version = world.register()
    world.use.promoting.cancel(world.ada, newest(world).id, Statement("not yet"))
    failed = registration(world, version)
    assert failed.state is RegistrationState.FAILED
    assert "cancelled by ada: not yet" in failed.reasons[0]


def test_a_pending_registration_follows_the_policy_of_the_day(world):
    demand(world, METRICS)
    stricter, freed = world.register(), world.register()
    demand(world, METRICS, {"approval": {"count": 1}})
    world.work()
    assert registration(world, stricter).state is RegistrationState.PENDING
    asked = next(
        each for each in world.use.promoting.list(world.ada, MODEL) if each.number == stricter.number
    )
    assert asked.state is PromotionState.AWAITING_APPROVAL
    world.use.promoting.approve(world.grace, asked.id, Statement())
    assert registration(world, stricter).state is RegistrationState.READY
    demand(world)
    assert registration(world, freed).state is RegistrationState.PENDING
    assert world.promote(freed, "development").state is PromotionState.PROMOTED


def test_archiving_and_restoring_does_not_end_a_registration(world):
    demand(world, METRICS)
    boss, version = world.person("mia", "maintainer"), world.register()
    world.use.changing.archive(boss, at(version), Statement())
    world.use.changing.restore(boss, at(version), Statement())
    world.work()
    assert registration(world, version).state is RegistrationState.READY


def test_deleting_a_version_ends_its_registration(world):
    demand(world, METRICS)
    boss, version = world.person("mia", "maintainer"), world.register()
    world.use.changing.delete_version(boss, at(version))
    assert newest(world).state is PromotionState.SUPERSEDED


def test_a_check_asked_for_by_name_takes_the_settings_of_registration(world):
    demand(world, {"load": {"rate_per_s": 3}})
    version = world.register()
    job = world.use.reporting.request_check(world.ada, at(version), RunCheck("load"))
    assert job.settings["rate_per_s"] == 3
