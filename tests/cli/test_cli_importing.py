"""What ``import`` prints: every fault, first, however many notes there are."""

from datetime import UTC, datetime

from assay.cli import importing
from assay.core.moving import Finding, MoveReport

NOON = datetime(2026, 1, 1, tzinfo=UTC)


def report(findings, more=0):
    faults = sum(not each.explained for each in findings)
    return MoveReport(
        "http://there", "default", NOON, NOON, {}, tuple(findings), len(findings) + more, faults, 0, 0
    )


def printed(capsys, *said, **more):
    importing._print(report(*said, **more))
    _, *lines = [line for line in capsys.readouterr().out.splitlines() if line]
    return lines


def test_faults_are_printed_first_and_all_of_them(capsys):
    notes = [Finding("file", f"note-{number}", "left out", explained=True) for number in range(80)]
    faults = [Finding("run", f"fault-{number}", "is not here", explained=False) for number in range(60)]
    lines = printed(capsys, [*notes, *faults], more=5)
    marks = [line.partition(":")[0] for line in lines]
    assert marks[:60] == ["DIFFERENT"] * 60
    assert marks[60:110] == ["note"] * 50
    assert "and 35 notes more" in lines[110]


def test_few_notes_are_all_printed(capsys):
    lines = printed(capsys, [Finding("file", "x", "left out", explained=True)])
    assert lines[0].startswith("note: file x")
    assert not any("more" in line for line in lines)
