"""Gate: the model's own tests were run and passed."""

from typing import ClassVar

from msgspec import Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Days, Name, Positive, age
from assay.gates.weighing import Facts, count, met, unread, weigh


class UnitTests(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when enough tests ran, none failed, and they speak of this version's commit.

    Attributes:
        min_tests: this many must have run to their end.
        directory: folder of the version in which the registry finds tests to run.
        accept_reported: a JUnit report sent by the team's CI counts too.
        max_age_days: older runs do not count.
    """

    name: ClassVar[str] = "unit_tests"
    check: ClassVar[str | None] = "unit_tests"
    min_tests: Positive = 1
    directory: Name = "tests"
    accept_reported: bool = True
    max_age_days: Days | None = None

    def need(self, version: Version) -> Need:  # noqa: ARG002 - one shape for all gates
        """Return what evidence this gate wants."""
        settings = {"directory": self.directory}
        return Need("unit_tests", settings, measured=not self.accept_reported, max_age=age(self.max_age_days))

    def judge(self, dossier: Dossier) -> Verdict:
        """Judge the newest run that counts."""

        def findings(facts: Facts, evidence: Evidence) -> list[Finding]:
            return self._findings(facts, evidence, dossier)

        return weigh(self.name, self.need(dossier.version), dossier, findings)

    def _findings(self, facts: Facts, evidence: Evidence, dossier: Dossier) -> list[Finding]:
        numbers = {name: count(facts, name) for name in ("passed", "failed", "errors", "skipped")}
        found = [unread(name, "a count") for name, value in numbers.items() if value is None]
        if found:
            return found
        ran = (numbers["passed"] or 0) + (numbers["failed"] or 0)
        broken = (numbers["failed"] or 0) + (numbers["errors"] or 0)
        names = facts.get("failures")
        detail = "failed: " + ", ".join(map(str, names[:10])) if isinstance(names, list) and names else ""
        found.append(
            Finding(
                "no test may fail", met(broken == 0), f"{broken} of {ran + (numbers['errors'] or 0)}", detail
            )
        )
        enough = met(ran >= self.min_tests)
        skipped = f"{numbers['skipped']} were skipped" if numbers["skipped"] else ""
        found.append(Finding(f"at least {self.min_tests} tests must run", enough, str(ran), skipped))
        code, commit = dossier.version.provenance.code, facts.get("commit")
        if code is not None and isinstance(commit, str) and commit:
            same = met(code.commit == commit)
            found.append(
                Finding(
                    "the tests must be of the version's commit",
                    same,
                    commit[:12],
                    f"version: {code.commit[:12]}",
                )
            )
        if evidence.measurement.facts.get("tests") == 0:
            found.append(Finding("a run without tests proves nothing", Outcome.FAIL, "0 tests"))
        return found
