"""Check ``unit_tests`` and its JUnit reader, which takes XML from strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.unit_tests import MAX_BYTES, MAX_DEPTH, MAX_FAILURES, UnitTests, parse_junit
from assay.core.errors import BadInputError
from assay.core.evidence import LACKS
from assay.core.measuring import ModelProblem

REPORT = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4">
<testcase classname="tests.test_a" name="test_ok" time="0.1"/>
<testcase classname="tests.test_a" name="test_bad"><failure message="assert 1 == 2">trace</failure></testcase>
<testcase classname="tests.test_a" name="test_broken"><error message="fixture">trace</error></testcase>
<testcase classname="tests.test_a" name="test_later"><skipped type="pytest.skip"/></testcase>
</testsuite></testsuites>"""
TAGS = {"passed": "", "failed": "<failure/>", "errors": "<error/>", "skipped": "<skipped/>"}


def test_a_report_is_counted_case_by_case():
    assert parse_junit(REPORT) == {
        "tests": 4,
        "passed": 1,
        "failed": 1,
        "errors": 1,
        "skipped": 1,
        "failures": ["tests.test_a::test_bad", "tests.test_a::test_broken"],
        "commit": "",
        "source": "junit",
    }


@given(st.lists(st.sampled_from(sorted(TAGS)), max_size=80))
def test_every_case_is_counted_once_by_its_outcome(outcomes):
    cases = "".join(f'<testcase name="t{i}">{TAGS[each]}</testcase>' for i, each in enumerate(outcomes))
    facts = parse_junit(f"<testsuite>{cases}</testsuite>".encode())
    assert {name: facts[name] for name in TAGS} == {name: outcomes.count(name) for name in TAGS}
    assert facts["tests"] == len(outcomes)
    bad = [f"::t{i}" for i, each in enumerate(outcomes) if each in ("failed", "errors")]
    assert facts["failures"] == bad[:MAX_FAILURES]


def test_a_case_that_was_skipped_and_failed_has_failed():
    facts = parse_junit(b"<testsuite><testcase name='t'><skipped/><failure/></testcase></testsuite>")
    assert (facts["failed"], facts["skipped"]) == (1, 0)


def test_an_error_outside_any_case_is_an_error():
    facts = parse_junit(b'<testsuite name="s"><error>cannot import</error><testcase name="t"/></testsuite>')
    assert (facts["errors"], facts["passed"], facts["failures"]) == (1, 1, ["s::(suite)"])


def test_a_case_with_a_failure_and_an_error_agrees_with_totals_that_count_both():
    report = (
        b'<testsuite failures="1" errors="1"><testcase name="t"><failure/><error/></testcase></testsuite>'
    )
    assert parse_junit(report)["failed"] == 1


def test_totals_of_nested_suites_are_not_added_up():
    inner = '<testsuite failures="1"><testcase name="t"><failure/></testcase></testsuite>'
    report = f'<testsuites failures="2"><testsuite failures="2">{inner}{inner}</testsuite></testsuites>'
    assert parse_junit(report.encode())["failed"] == 2


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"no xml",
        b"<testsuite>",
        b"<html/>",
        b"<testcase/>",
        b"<!DOCTYPE testsuite><testsuite/>",
        b'<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite>&b;</testsuite>',
        b'<!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite>&a;</testsuite>',
        b'<!DOCTYPE t SYSTEM "http://127.0.0.1/x.dtd"><testsuite/>',
        b"<testsuite>&undefined;</testsuite>",
        b"<testsuite><testcase><testcase/></testcase></testsuite>",
        b'<testsuite failures="3"><testcase><failure/></testcase></testsuite>',
        b"<testsuite>" * (MAX_DEPTH + 1) + b"</testsuite>" * (MAX_DEPTH + 1),
        b"<testsuite/>" + b" " * MAX_BYTES,
        b"<testsuite>\xff\xfe</testsuite>",
        *(
            f'<?xml version="1.0" encoding="{name}"?><testsuite/>'.encode()
            for name in ("utf-7", "rot13", "idna", "zlib_codec", "big5", "punycode", "undefined", "nope")
        ),
    ],
    ids=lambda report: report[:60].decode(errors="replace"),
)
def test_a_hostile_or_broken_report_is_bad_input(report):
    with pytest.raises(BadInputError) as caught:
        parse_junit(report)
    assert caught.value.reasons[0].field == "junit"


@given(st.binary(max_size=300) | st.text("<>/testsuicailurepo =\"'&;!?[]", max_size=200).map(str.encode))
def test_no_bytes_do_more_than_be_refused(content):
    try:
        facts = parse_junit(content)
    except BadInputError:
        return
    assert facts["tests"] >= 0


def test_the_versions_tests_are_run_and_bound_to_its_commit(bench):
    case = bench.case(files=("model.joblib", "tests/test_model.py"), junit=REPORT)
    found = UnitTests().measure(case)
    assert (found.problem, found.facts["failed"], found.facts["source"]) == ("", 1, "pytest")
    assert found.facts["commit"] == case.version.provenance.code.commit
    assert bench.attached == {"junit.xml": REPORT}


@pytest.mark.parametrize(
    "files", [("tests/data.csv",), ("tests/conftest.py",), ("other/test_a.py",), ("tests.py",)]
)
def test_a_version_without_test_files_is_told_how_to_send_a_report(bench, files):
    found = UnitTests().measure(bench.case(files=("model.joblib", *files), junit=REPORT))
    assert "--junit FILE" in found.problem
    assert found.facts == {LACKS: "tests under tests/"}


def test_another_folder_can_be_named(bench):
    case = bench.case(files=("checks/deep/model_test.py",), settings={"directory": "checks/"}, junit=REPORT)
    assert UnitTests().measure(case).facts["tests"] == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"problem": ModelProblem("out of time", limit="time")}, "out of time"),
        ({"junit": b"<!DOCTYPE t><testsuite/>"}, "document type"),
        ({"settings": {"directory": 7}}, "directory"),
        ({"settings": {"directory": ["tests"]}}, "directory"),
    ],
)
def test_what_cannot_be_measured_is_a_problem(bench, changes, words):
    found = UnitTests().measure(bench.case(files=("tests/test_a.py",), **changes))
    assert words in found.problem
    assert not found.facts
