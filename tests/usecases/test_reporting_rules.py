"""What is sent to the registry: JUnit reports, attachments, evidence that must not count."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assay.core.access import Caller, Grant, Role
from assay.core.errors import BadInputError, DeniedError, NotFoundError
from assay.core.evidence import Attachment, Measurement, Origin
from assay.core.names import Address
from assay.core.promotions import PromotionState
from assay.wire.requests import NewEvidence, RunCheck
from usecases.registry_world import EVALUATION, MODEL, TRAINING, at

JUNIT = b"""<testsuites><testsuite name="s" tests="2" failures="1">
<testcase classname="c" name="good"/><testcase classname="c" name="bad"><failure message="no"/></testcase>
</testsuite></testsuites>"""
PASSING = {"task": "classification", "rows": 100, "metrics": {"accuracy": 0.99}, "undefined": {}}


def evidence(world, version, check="metrics", **changes):
    return replace(NewEvidence(check, version.digest, world.clock.now()), **changes)


def test_a_junit_report_is_read_here_and_kept_as_it_was(world):
    version = world.register()
    digest, size = world.upload(JUNIT)
    sent = evidence(world, version, "unit_tests", junit=digest, commit="a" * 40)
    filed = world.use.reporting.report(world.ada, at(version), sent).evidence
    assert filed.origin is Origin.REPORTED
    assert filed.reporter == "ada"
    assert filed.measurement.facts["commit"] == "a" * 40
    kept = world.use.browsing.attachment(world.ada, at(version), filed.digest, "junit.xml")
    assert (kept.digest, kept.size_bytes) == (digest, size)
    assert b"".join(world.use.browsing.read(kept)) == JUNIT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xml",
        b"<testsuite>",
        b"<html/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite name="&b;"/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite name="&a;"/>',
    ],
)
def test_what_is_no_junit_report_is_bad_input_and_files_nothing(world, content):
    version = world.register()
    digest, _ = world.upload(content)
    count = len(world.events())
    with pytest.raises(BadInputError) as caught:
        world.use.reporting.report(
            world.ada, at(version), evidence(world, version, "unit_tests", junit=digest)
        )
    assert caught.value.reasons[0].rule
    assert len(world.events()) == count
    assert world.use.browsing.evidence(world.ada, at(version)) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"check": "metrics", "junit": EVALUATION},
        {"check": "unit_tests", "junit": EVALUATION},
        {"check": "unit_tests", "junit": EVALUATION, "measurement": Measurement(facts={"passed": 1})},
        {"measurement": Measurement(attachments=(Attachment("report.txt", TRAINING, 8),))},
        {"subject": TRAINING},
        {"check": "astrology"},
    ],
    ids=["junit of metrics", "not uploaded", "facts beside", "attachment missing", "other bytes", "unknown"],
)
def test_a_report_that_does_not_fit_files_nothing(world, changes):
    version = world.register()
    with pytest.raises(BadInputError):
        world.use.reporting.report(world.ada, at(version), evidence(world, version, **changes))
    assert world.use.browsing.evidence(world.ada, at(version)) == ()


def test_an_attachment_has_the_size_it_says(world):
    version = world.register()
    digest, size = world.upload(b"a report")
    for said, good in ((size + 1, False), (size, True)):
        sent = evidence(
            world, version, measurement=Measurement(attachments=(Attachment("a.txt", digest, said),))
        )
        if good:
            assert world.use.reporting.report(world.ada, at(version), sent).evidence.measurement.attachments
        else:
            with pytest.raises(BadInputError, match="attachments"):
                world.use.reporting.report(world.ada, at(version), sent)


def test_who_may_not_report_learns_nothing_of_what_is_stored(world):
    """The same answer whether the bytes that the report names are there or not."""
    version = world.register()
    stored, size = world.upload(JUNIT)
    reader = world.person("rita", "reader")
    stranger = Caller(world.ben.principal, (Grant("ben", Role.ADMIN, "other/*"),))
    for caller, error in ((reader, DeniedError), (stranger, NotFoundError)):
        said = set()
        for digest in (stored, TRAINING):
            attached = Measurement(attachments=(Attachment("a.xml", digest, size),))
            for changes in ({"check": "unit_tests", "junit": digest}, {"measurement": attached}):
                with pytest.raises(error) as caught:
                    world.use.reporting.report(caller, at(version), evidence(world, version, **changes))
                said.add(str(caught.value))
        assert len(said) == 1


def test_evidence_of_one_version_does_nothing_for_another(world):
    first, second = world.register(), world.register()
    assert world.to_staging(first).state is PromotionState.PROMOTED
    asked = world.promote(second, "staging")
    assert asked.state is PromotionState.CHECKING
    assert asked.verdicts == ()


def test_expired_evidence_is_measured_anew_and_valid_evidence_is_reused(world):
    gates = [{"metrics": {"minimum": {"accuracy": 0.9}, "max_age_days": 7}}]
    policy = {"applies_to": MODEL, "gates": {"staging": gates, "production": gates}}
    world.use.policies.set(world.local, "", policy)
    version = world.register()
    world.to_staging(version)
    world.clock.at += timedelta(days=8)
    asked = world.promote(version, "production")
    assert asked.state is PromotionState.CHECKING
    world.work(accuracy=0.5)
    assert world.use.promoting.get(world.ada, asked.id).state is PromotionState.REFUSED
    other = world.register()
    world.to_staging(other)
    world.clock.at += timedelta(days=6)
    assert world.promote(other, "production").state is PromotionState.PROMOTED


def test_reported_evidence_counts_only_where_the_policy_takes_it(world):
    for accepted, state in ((False, PromotionState.CHECKING), (True, PromotionState.PROMOTED)):
        gates = [{"metrics": {"minimum": {"accuracy": 0.9}, "accept_reported": accepted}}]
        policy = {"applies_to": MODEL, "gates": {"staging": gates, "production": gates}}
        world.use.policies.set(world.local, "", policy)
        version = world.register()
        measurement = Measurement(facts=PASSING, data={"evaluation": EVALUATION})
        sent = evidence(world, version, measurement=measurement, settings={"label": "", "positive": None})
        world.use.reporting.report(world.ada, at(version), sent)
        assert world.promote(version, "staging").state is state


def test_a_check_asked_for_by_hand_uses_the_policy_and_is_told_in_the_log(world):
    version = world.register()
    job = world.use.reporting.request_check(world.ada, at(version), RunCheck("metrics"))
    assert world.use.reporting.jobs(world.ada, at(version)) == (job,)
    assert world.events()[-1].verb == "check.queue"
    world.work()
    assert world.promote(version, "staging").state is PromotionState.PROMOTED  # nothing measured twice
    assert [each.origin for each in world.use.browsing.evidence(world.ada, at(version))] == [Origin.MEASURED]
    with pytest.raises(BadInputError):
        world.use.reporting.request_check(world.ada, at(version), RunCheck("astrology"))
    with pytest.raises(NotFoundError):
        world.use.reporting.request_check(world.ada, Address(MODEL, number=99), RunCheck("metrics"))


def test_a_deleted_version_keeps_its_evidence_out_of_sight_and_its_job_ends(world):
    boss = world.person("mia", "maintainer")
    version = world.register()
    world.use.reporting.request_check(world.ada, at(version), RunCheck("metrics"))
    world.use.changing.delete_version(boss, at(version))
    assert world.use.checking.lease("worker") is None
    with pytest.raises(NotFoundError):
        world.use.browsing.evidence(world.ada, at(version))
