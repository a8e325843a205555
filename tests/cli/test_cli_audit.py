"""``audit``: the chain verifies on any machine, and every way of breaking it is found."""

import json

import pytest

from assay.wire import codec


@pytest.fixture
def exported(tmp_path, events_of):
    """An export of five events."""
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(codec.encode(event) + b"\n" for event in events_of(5)))
    return path


def test_a_whole_export_verifies_without_a_server(exported, assay, server, events_of):
    done = assay("audit", "verify", exported)
    assert done.code == 0
    assert f"5:{events_of(5)[-1].hash}" in done.out
    assert server.asked == []


def spoil_text(lines):
    return [line.replace('"ann"', '"eve"') if index == 2 else line for index, line in enumerate(lines)]


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_text,
        lambda lines: lines[:2] + lines[3:],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: lines[1:],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [line.replace("0.1", "0.2") for line in lines],
        lambda lines: [line.replace("12:00:01.000001", "12:00:01.000002") for line in lines],
    ],
    ids=["changed", "dropped", "swapped", "beheaded", "doubled", "number", "instant"],
)
def test_every_way_of_breaking_the_chain_ends_with_3(spoil, exported, assay):
    lines = exported.read_text().splitlines()
    spoiled = spoil(lines)
    assert spoiled != lines
    exported.write_text("\n".join(spoiled) + "\n")
    done = assay("audit", "verify", exported)
    assert done.code == 3
    assert "broken" in done.out
    as_json = assay("audit", "verify", exported, "--json")
    assert as_json.code == 3
    assert as_json.json["problem"]


def test_a_tail_that_was_cut_is_found_with_a_head_kept_elsewhere(exported, assay, events_of):
    head = f"5:{events_of(5)[-1].hash}"
    assert assay("audit", "verify", exported, "--head", head).code == 0
    exported.write_text("\n".join(exported.read_text().splitlines()[:3]) + "\n")
    assert assay("audit", "verify", exported).code == 0
    assert assay("audit", "verify", exported, "--head", head).code == 3


@pytest.mark.parametrize("line", ["", "{", "[]", '{"seq": 1}'])
def test_a_line_that_is_no_event_is_named(line, exported, assay):
    exported.write_text(exported.read_text() + line + "\n")
    done = assay("audit", "verify", exported)
    assert done.code == 2
    assert "line 6" in done.err


def test_a_field_smuggled_into_an_event_is_refused(exported, assay):
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    lines[1]["note"] = "was here"
    exported.write_text("\n".join(map(json.dumps, lines)))
    assert assay("audit", "verify", exported).code == 2


def test_what_is_exported_verifies(stocked, assay, tmp_path):
    path = tmp_path / "log.jsonl"
    assert assay("audit", "export", "-o", path, "--json").json["event_count"] == 3
    assert assay("audit", "verify", path).code == 0
    stocked.put("GET", "/audit", stocked.answers["GET", "/api/v1/audit"][-1][1])


def test_an_export_goes_to_standard_output_as_lines(stocked, assay):
    done = assay("audit", "export")
    assert [json.loads(line)["seq"] for line in done.out.splitlines()] == [1, 2, 3]


def test_the_log_of_the_server_is_verified_here_and_not_believed(server, assay, events_of):
    events = events_of(3)
    server.put("GET", "/audit", (events[0], events[2]), ())
    assert assay("audit", "verify").code == 3
    assert all(not path.endswith("/audit/verify") for _, path, _ in server.asked)


def test_the_newest_events_are_shown(stocked, assay):
    assert [each["seq"] for each in assay("audit", "show", "--limit", "2", "--json").json] == [2, 3]
