"""Check ``unit_tests``: run the model's own tests, or read the JUnit report of a run elsewhere.

Settings: ``directory``, the folder of the version that holds the tests. Facts: ``tests``, ``passed``,
``failed``, ``errors``, ``skipped`` (counts), ``failures`` (names), ``commit``, ``source``.

The reader takes XML from strangers: no document type, hence no entities; bounded depth and size. A
report that lists fewer failures than it announces was cut, and is refused.
"""

from typing import Any, Final
from xml.parsers import expat

from assay.checks.settings import CheckProblem, text, unmeasured
from assay.core.errors import BadInputError
from assay.core.evidence import Measurement
from assay.core.measuring import CheckCase, ModelProblem

MAX_BYTES: Final = 16 * 1024**2
MAX_FAILURES: Final = 50
MAX_DEPTH: Final = 50
_OUTCOMES: Final = {"failure": "failed", "error": "errors", "skipped": "skipped"}


class UnitTests:
    """Runs pytest in the version's own environment, in the sandbox."""

    name = "unit_tests"

    def measure(self, case: CheckCase) -> Measurement:
        """Run the tests of the version and count."""
        try:
            directory = text(case, "directory", "tests").strip("/")
            if not _has_tests(case, directory):
                problem = (
                    f"the version has no tests under {directory}/: register them with the model, or send the "
                    "JUnit report of your CI with: assay check report ADDRESS --check unit_tests --junit FILE"
                )
                raise CheckProblem(problem, lacks=f"tests under {directory}/")
            report = case.host.run_tests(directory)
            facts = parse_junit(report)
        except CheckProblem as problem:
            return unmeasured(problem)
        except ModelProblem as problem:
            return Measurement(problem=f"the tests could not run to their end: {problem}")
        except BadInputError as error:
            return Measurement(problem=f"the test run left no readable report: {error}")
        code = case.version.provenance.code
        facts = {**facts, "source": "pytest", "commit": code.commit if code else ""}
        return Measurement(facts=facts, attachments=(case.attach("junit.xml", report, "application/xml"),))


def _has_tests(case: CheckCase, directory: str) -> bool:
    inside = (entry.path for entry in case.version.files if entry.path.startswith(directory + "/"))
    names = (path.rpartition("/")[2] for path in inside)
    # The names that pytest collects by default ("Conventions for Python test discovery").
    return any(
        name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py")) for name in names
    )


def parse_junit(content: bytes) -> dict[str, Any]:
    """Count the test cases of a JUnit XML report.

    Returns:
        The facts of this check, ``commit`` empty and ``source`` ``junit``.

    Raises:
        BadInputError: too large, not XML, in an encoding that cannot be read, with a document type,
            nested too deeply, no JUnit report, or one that announces more failures than it lists.
    """
    if len(content) > MAX_BYTES:
        raise BadInputError.of("junit", f"must be at most {MAX_BYTES} bytes", str(len(content)))
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise BadInputError.of("junit", "must be well-formed XML", str(error)) from error
    except BadInputError:
        raise
    except (LookupError, ValueError) as error:
        # A declared encoding that expat does not know is looked up among Python's codecs.
        raise BadInputError.of("junit", "must be in an encoding such as UTF-8", str(error)[:200]) from error
    return reader.facts()


class _Reader:
    """Counts ``testcase`` elements by the worst child they have."""

    def __init__(self) -> None:
        self._depth = 0
        self._counts = {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}
        self._failures: list[str] = []
        self._announced = self._listed = 0
        self._suite = ""
        self._case: str | None = None
        self._outcome = ""

    def refuse_doctype(self, *_: object) -> None:
        raise BadInputError.of("junit", "must not have a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth == 0 and tag not in ("testsuites", "testsuite"):
            raise BadInputError.of("junit", "must be a JUnit report: testsuites or testsuite at its root")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadInputError.of("junit", f"must not nest deeper than {MAX_DEPTH}")
        if tag in ("testsuites", "testsuite"):
            self._suite = attributes.get("name", "")
            announced = [_whole(attributes.get(name, "")) for name in ("failures", "errors")]
            self._announced = max(self._announced, sum(announced))
        elif tag == "testcase":
            if self._case is not None:
                raise BadInputError.of("junit", "must not have a testcase inside a testcase")
            self._case = f"{attributes.get('classname', '')}::{attributes.get('name', '')}"
            self._outcome = "passed"
        elif tag in _OUTCOMES:
            self._note(tag)

    def _note(self, tag: str) -> None:
        self._listed += tag != "skipped"
        if self._case is not None:
            self._outcome = _OUTCOMES[tag] if self._outcome in ("passed", "skipped") else self._outcome
        elif tag != "skipped":
            self._count(_OUTCOMES[tag], f"{self._suite}::(suite)")

    def _count(self, outcome: str, name: str) -> None:
        self._counts[outcome] += 1
        if outcome in ("failed", "errors") and len(self._failures) < MAX_FAILURES:
            self._failures.append(name[:300])

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "testcase" and self._case is not None:
            self._count(self._outcome, self._case)
            self._case = None

    def facts(self) -> dict[str, Any]:
        if self._announced > self._listed:
            rule = "must list every failure that it announces"
            raise BadInputError.of("junit", rule, f"{self._announced} announced, {self._listed} listed")
        total = sum(self._counts.values())
        return {"tests": total, **self._counts, "failures": self._failures, "commit": "", "source": "junit"}


def _whole(number: str) -> int:
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
