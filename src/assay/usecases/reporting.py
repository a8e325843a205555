"""Reporting: evidence that people and pipelines send, and checks they ask the registry to run."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from assay.checks import CHECK_NAMES
from assay.checks.unit_tests import parse_junit
from assay.core.access import Action, Caller
from assay.core.canonical import plain
from assay.core.ci_runs import REPORTED_IN, CiRun
from assay.core.digests import Digest
from assay.core.errors import BadInputError, Reason
from assay.core.evidence import LOGGED, Attachment, Evidence, Measurement, Origin
from assay.core.jobs import Job
from assay.core.names import Address
from assay.core.stages import Stage
from assay.core.versions import Version
from assay.gates import build_all
from assay.usecases.holding import available
from assay.usecases.judging import advance_open
from assay.usecases.means import Act, Means, applying_policy, find, load
from assay.usecases.storing import require_there
from assay.wire.requests import NewEvidence, RunCheck
from assay.wire.views import FiledEvidence

MAX_JUNIT_BYTES = 16 * 1024 * 1024
MAX_CLOCK_SKEW = timedelta(minutes=5)


class Reporting:
    """Files what was measured elsewhere; queues what is to be measured here."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def report(self, caller: Caller, address: Address, sent: NewEvidence) -> FiledEvidence:
        """File evidence as *reported*: whoever sent it, it is told apart from measured for ever.

        Raises:
            BadInputError: unknown check, another digest, a measurement in the future, facts that
                are no finite numbers, attachments or JUnit XML that were not uploaded or not readable.
            ConflictError: bytes of an attachment were collected since they were sent.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        _check_name(sent.check)
        with self._means.database.read() as records:
            load(records, caller, address, Action.REPORT)  # before a byte of what was uploaded is read
            named = {each.digest for each in sent.measurement.attachments}
            known = available(records, caller, named | ({sent.junit} if sent.junit else set()))
        measurement = self._measurement(sent, known)
        with self._means.database.write() as records:
            version = load(records, caller, address, Action.REPORT)
            now = self._means.clock.now()
            _check_report(sent, version)
            if sent.measured_at.tzinfo is None or sent.measured_at > now + MAX_CLOCK_SKEW:
                raise BadInputError.of("measured_at", "must be an aware instant that has passed")
            evidence = Evidence(
                model=version.model,
                number=version.number,
                subject=sent.subject,
                check=sent.check,
                origin=Origin.REPORTED,
                reporter=caller.name,
                measured_at=sent.measured_at,
                recorded_at=now,
                measurement=_reported_in(measurement, caller.ci),
                settings=plain(sent.settings),
            )
            attached = [each.digest for each in measurement.attachments]
            require_there(records, self._means.blobs, attached, now)
            act = Act(records, caller.name, now, caller.ci)
            filed = file_evidence(act, version, evidence)
            advance_open(act, self._means.chance, version)
            return filed

    def request_check(self, caller: Caller, address: Address, wanted: RunCheck) -> Job:
        """Queue a check for the next free worker.

        Raises:
            BadInputError: unknown check, or settings that are not JSON.
            DeniedError, NotFoundError: the caller may not, or there is no such version.
        """
        _check_name(wanted.check)
        with self._means.database.write() as records:
            version = load(records, caller, address, Action.RUN_CHECK)
            act = Act(records, caller.name, self._means.clock.now(), caller.ci)
            settings = (
                _policy_settings(act, version, wanted.check) if wanted.settings is None else wanted.settings
            )
            job = Job(
                id=self._means.chance.identifier("job"),
                model=version.model,
                number=version.number,
                check=wanted.check,
                settings=plain(settings, "settings"),
                created_at=act.at,
                requested_by=caller.name,
            )
            records.jobs.add(job)
            act.note("check.queue", version.address, after={"job": job.id, "check": job.check})
            return job

    def jobs(self, caller: Caller, address: Address) -> tuple[Job, ...]:
        """List the checks queued, running and done for a version, newest first.

        Raises:
            NotFoundError: there is no such version, or the caller may not know of it.
        """
        with self._means.database.read() as records:
            summary = find(records, caller, address)
            return records.jobs.of_version(summary.model, summary.number)

    def _measurement(self, sent: NewEvidence, known: Collection[Digest]) -> Measurement:
        attachments = sent.measurement.attachments
        if sent.junit is None:
            return replace(sent.measurement, attachments=self._stored(attachments, known))
        if sent.check != "unit_tests" or sent.measurement.facts:
            raise BadInputError.of("junit", "goes with check unit_tests and no facts of its own")
        size = self._means.blobs.size(sent.junit) if sent.junit in known else None
        if size is None or size > MAX_JUNIT_BYTES:
            rule = f"must name an uploaded file of at most {MAX_JUNIT_BYTES} bytes"
            raise BadInputError.of("junit", rule, sent.junit)
        content = b"".join(self._means.blobs.read(sent.junit))
        facts = {**parse_junit(content), "commit": sent.commit}
        report = Attachment("junit.xml", sent.junit, size, "application/xml")
        return replace(sent.measurement, facts=facts, attachments=self._stored((*attachments, report), known))

    def _stored(
        self, attachments: tuple[Attachment, ...], known: Collection[Digest]
    ) -> tuple[Attachment, ...]:
        reasons = [
            Reason(f"attachments[{each.name[:100]}]", "must be uploaded first, with that size", each.digest)
            for each in attachments
            if each.digest not in known or self._means.blobs.size(each.digest) != each.size_bytes
        ]
        if reasons:
            raise BadInputError("attachments are missing", reasons)
        return attachments


def file_evidence(act: Act, version: Version, evidence: Evidence) -> FiledEvidence:
    """Store evidence with its audit event."""
    filed = FiledEvidence(evidence.digest, evidence)
    act.records.evidence.add(evidence)
    about = {
        "digest": filed.digest,
        "check": evidence.check,
        "origin": evidence.origin,
        "reporter": evidence.reporter,
    }
    act.note(f"evidence.{evidence.origin.value}", version.address, after=about)
    return filed


def _check_name(check: str) -> None:
    if check not in CHECK_NAMES:
        raise BadInputError.of("check", "must be one of " + ", ".join(sorted(CHECK_NAMES)), repr(check)[:80])


def _check_report(sent: NewEvidence, version: Version) -> None:
    if sent.subject != version.digest:
        rule = f"must be the digest of {version.address}: {version.digest}"
        raise BadInputError.of("subject", rule, sent.subject)
    if LOGGED in sent.settings:
        rule = f"must not have {LOGGED!r}: the registry itself files what runs logged"
        raise BadInputError.of("settings", rule)
    if REPORTED_IN in sent.measurement.environment:
        rule = f"must not have {REPORTED_IN!r}: the registry itself writes which job reported"
        raise BadInputError.of("measurement.environment", rule)


def _reported_in(measurement: Measurement, ci: CiRun | None) -> Measurement:
    """Return what was measured with the job that reports it, as its provider signed."""
    if ci is None:
        return measurement
    return replace(measurement, environment={**measurement.environment, REPORTED_IN: dict(ci.facts())})


def _policy_settings(act: Act, version: Version, check: str) -> dict[str, Any]:
    """Return the settings with which the applying policy wants this check run."""
    policy = applying_policy(act.records, version.model).policy
    for stage in (Stage.PRODUCTION, Stage.STAGING, Stage.DEVELOPMENT):
        for gate in build_all(policy, stage) if stage in policy.gates else ():
            need = gate.need(version)
            if need is not None and need.check == check:
                return dict(need.settings)
    return {}
