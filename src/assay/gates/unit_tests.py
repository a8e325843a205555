"""Gate: the model's own tests were run and passed."""

from typing import ClassVar

from msgspec import Struct

from assay.core.dossier import Dossier
from assay.core.evidence import Evidence, Need
from assay.core.verdicts import Finding, Outcome, Verdict
from assay.core.versions import Version
from assay.gates.settings import Days, Name, Positive, age
from assay.gates.weighing import Facts, count, met, text, texts, unread, weigh

_COUNTS = ("tests", "passed", "failed", "errors", "skipped")


class UnitTests(Struct, frozen=True, forbid_unknown_fields=True):
    """Passes when enough tests ran, none failed, and they speak of this version's commit.

    Attributes:
        min_tests: this many must have run to their end; skipped ones did not run.
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

        def findings(facts: Facts, evidence: Evidence) -> list[Finding]:  # noqa: ARG001
            return [*self._counts(facts), *_commit(facts, dossier.version)]

        return weigh(self.name, self.need(dossier.version), dossier, findings)

    def _counts(self, facts: Facts) -> list[Finding]:
        numbers = {name: count(facts, name) for name in _COUNTS}
        missing = [unread(name, "a count") for name, value in numbers.items() if value is None]
        if missing:
            return missing
        tests, passed, failed, errors, skipped = (value or 0 for value in numbers.values())
        ran, bad = passed + failed, failed + errors
        left_out = f"{skipped} were skipped" if skipped else ""
        more = "" if ran >= self.min_tests else f"put tests under {self.directory}/ and register again"
        found = [
            Finding("no test may fail", met(bad == 0), f"{bad} of {tests}", _broken(facts) if bad else ""),
            Finding(
                f"at least {self.min_tests} tests must run",
                met(ran >= self.min_tests),
                str(ran),
                "; ".join(filter(None, (left_out, more))),
            ),
        ]
        if passed + failed + errors + skipped != tests:
            sums = f"{passed} + {failed} + {errors} + {skipped} of {tests}"
            rule = "passed, failed, errors and skipped must add up to tests"
            found.append(Finding(rule, Outcome.INCONCLUSIVE, sums, "send the report of one whole run"))
        return found


def _broken(facts: Facts) -> str:
    names = ", ".join(each[:300] for each in (texts(facts, "failures") or [])[:10])
    return f"failed: {names}" if names else "mend them, or the model, and run again"


def _commit(facts: Facts, version: Version) -> list[Finding]:
    """A run that names its commit must name the version's; one that names none is bound by digest alone."""
    commit, code = text(facts, "commit", 80), version.provenance.code
    rule = "the tests must be of the version's commit"
    if commit is None:
        return [unread("commit", 'text ("" when unknown)')]
    if not commit:
        return []
    if code is None:
        detail = "the version names no commit: register from its work tree or with --commit HASH"
        return [Finding(rule, Outcome.INCONCLUSIVE, commit[:12], detail)]
    same = code.commit == commit
    detail = "" if same else f"the version is of {code.commit[:12]}: run the tests on that commit"
    return [Finding(rule, met(same), commit[:12], detail)]
