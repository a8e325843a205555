"""Check ``unit_tests``: run the model's own tests, or read the JUnit report of a run elsewhere.

Settings: ``directory``, the folder of the version that holds the tests. Facts: ``tests``, ``passed``,
``failed``, ``errors``, ``skipped`` (counts), ``failures`` (names), ``commit``, ``source``.

The reader takes XML from strangers: no document type, hence no entities; bounded depth and size.
"""

from typing import Any, Final
from xml.parsers import expat

from assay.core.errors import BadInputError
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, ModelProblem

MAX_FAILURES: Final = 50
MAX_DEPTH: Final = 50


class UnitTests:
    """Runs pytest in the version's own environment, in the sandbox."""

    name = "unit_tests"

    def measure(self, case: CheckCase) -> Measurement:
        """Run the tests of the version and count."""
        directory = str(case.settings.get("directory", "tests")).strip("/")
        inside = [entry.path for entry in case.version.files if entry.path.startswith(directory + "/")]
        if not any(path.endswith(".py") for path in inside):
            problem = (
                f"the version has no tests under {directory}/: register them with the model, or send the "
                "JUnit report of your CI with: assay check report ADDRESS --check unit_tests --junit FILE"
            )
            return Measurement(problem=problem)
        try:
            report = case.host.run_tests(directory)
            facts = parse_junit(report)
        except ModelProblem as error:
            return Measurement(problem=f"the tests could not run to their end: {error}")
        except BadInputError as error:
            return Measurement(problem=f"the test run left no readable report: {error}")
        code = case.version.provenance.code
        facts = {**facts, "source": "pytest", "commit": code.commit if code else ""}
        return Measurement(facts=facts, attachments=(case.attach("junit.xml", report, "application/xml"),))


def parse_junit(content: bytes) -> dict[str, Any]:
    """Count the test cases of a JUnit XML report.

    Returns:
        The facts of this check, ``commit`` empty and ``source`` ``junit``.

    Raises:
        BadInputError: not XML, with a document type, nested too deeply, or no JUnit report.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise BadInputError.of("junit", "must be well-formed XML", str(error)) from error
    if not reader.is_junit:
        raise BadInputError.of("junit", "must be a JUnit report: testsuites or testsuite at its root")
    return reader.facts()


class _Reader:
    """Counts ``testcase`` elements by the worst child they have."""

    def __init__(self) -> None:
        self.is_junit = False
        self._depth = 0
        self._counts = {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}
        self._failures: list[str] = []
        self._name = ""
        self._outcome = ""

    def refuse_doctype(self, *_: object) -> None:
        raise BadInputError.of("junit", "must not have a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth == 0:
            self.is_junit = tag in ("testsuites", "testsuite")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadInputError.of("junit", f"must not nest deeper than {MAX_DEPTH}")
        if tag == "testcase":
            self._name = f"{attributes.get('classname', '')}::{attributes.get('name', '')}"[:300]
            self._outcome = "passed"
        elif self._name and tag in ("failure", "error", "skipped"):
            found = {"failure": "failed", "error": "errors", "skipped": "skipped"}[tag]
            self._outcome = found if self._outcome in ("passed", "skipped") else self._outcome

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "testcase":
            self._counts[self._outcome] += 1
            if self._outcome in ("failed", "errors") and len(self._failures) < MAX_FAILURES:
                self._failures.append(self._name)
            self._name = self._outcome = ""

    def facts(self) -> dict[str, Any]:
        total = sum(self._counts.values())
        return {"tests": total, **self._counts, "failures": self._failures, "commit": "", "source": "junit"}
