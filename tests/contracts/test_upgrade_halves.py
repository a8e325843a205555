"""An upgrade in two halves: what only adds while old servers run, the rest when none does.

The newer program here is this one with four migrations more.
"""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from assay.core.errors import BadInputError, UnavailableError
from assay.storage import SqlDatabase
from assay.storage.applied import MIGRATIONS, Half
from assay.storage.revision import create_schema, needs_upgrade
from assay.storage.upgrade import upgrade
from contracts.empty_databases import KINDS, empty_database, query
from contracts.samples import model

NEWER = {
    "9001": ("pre", "op.create_table('added', sa.Column('id', sa.Integer(), primary_key=True))"),
    "9002": ("post", "op.drop_table('tags')"),
    "9003": (
        "pre",
        "op.add_column('models', sa.Column('more', sa.Text(), server_default='', nullable=False))",
    ),
    "9004": ("post", "op.drop_table('labels')"),
}
TEXT = """
import os, signal
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = "{before}"
half = "{half}"

def upgrade():
    {words}
    if os.environ.get("KILLED_IN") == revision:
        os.kill(os.getpid(), signal.SIGKILL)
"""
RUN = (
    "import sys, pathlib; from assay.storage.upgrade import upgrade; "
    "print(*upgrade(sys.argv[1], migrations=pathlib.Path(sys.argv[2])))"
)


@pytest.fixture(params=KINDS)
def url(request, tmp_path):
    url = empty_database(request.param, tmp_path)
    create_schema(url)
    return url


@pytest.fixture
def newer(tmp_path):
    """The migrations of the newer program."""
    folder = tmp_path / "newer"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = max(path.name for path in (folder / "versions").iterdir())[:4]
    for revision, (half, words) in NEWER.items():
        written = TEXT.format(revision=revision, before=before, half=half, words=words)
        (folder / "versions" / f"{revision}_more.py").write_text(written)
        before = revision
    return folder


def old_server(url):
    """Do what a server of the older program does, as far as tables matter."""
    assert not needs_upgrade(url)
    database = SqlDatabase(url)
    with database.write() as records:
        records.models.add(model())
    with database.read() as records:
        assert records.models.get(model().name) is not None
        assert records.tallies.misfit() == "", "balancers still send requests to it"
    database.close()


def test_beside_the_first_half_an_old_server_goes_on_and_after_the_second_it_is_refused(url, newer):
    assert upgrade(url, Half.PRE, migrations=newer) == ["9001", "9003"]
    old_server(url)
    assert upgrade(url, Half.POST, migrations=newer) == ["9002", "9004"]
    with pytest.raises(UnavailableError, match="9004, newer than this program's") as refused:
        needs_upgrade(url)
    assert "newer program" in refused.value.hint


def test_a_server_that_ran_on_is_told_that_the_form_has_changed(url, newer):
    database = SqlDatabase(url)
    with database.write() as records:
        records.models.add(model())
    upgrade(url, migrations=newer)
    with pytest.raises(UnavailableError), database.read() as records:
        records.models.get(model().name)
    with database.read() as records:
        assert records.tallies.misfit() == "9004", "balancers send nothing to it any more"
    database.close()


def test_the_second_half_waits_for_the_first(url, newer):
    with pytest.raises(BadInputError, match="9001, 9003"):
        upgrade(url, Half.POST, migrations=newer)
    assert query(url, "SELECT max(revision) FROM schema_history") < [("9001",)]
    upgrade(url, Half.PRE, migrations=newer)
    assert upgrade(url, Half.PRE, migrations=newer) == []
    assert upgrade(url, Half.POST, migrations=newer) == ["9002", "9004"]
    assert upgrade(url, Half.POST, migrations=newer) == upgrade(url, migrations=newer) == []


def test_both_halves_at_once_leave_what_one_after_the_other_does(url, newer):
    assert upgrade(url, migrations=newer) == [*NEWER]
    history = query(url, "SELECT revision, half FROM schema_history ORDER BY revision")
    assert history[-4:] == [(revision, half) for revision, (half, _) in NEWER.items()]


@pytest.mark.parametrize("revision", ["9001", "9002", "9003"])
def test_a_migration_killed_midway_is_completed_by_the_next_run(url, newer, revision):
    words = [sys.executable, "-c", RUN, url, str(newer)]
    done = subprocess.run(words, env={**os.environ, "KILLED_IN": revision})
    assert done.returncode == -signal.SIGKILL
    applied = [row[0] for row in query(url, "SELECT revision FROM schema_history ORDER BY revision")]
    assert applied[-1] < revision
    assert upgrade(url, migrations=newer) == [each for each in NEWER if each >= revision]


def test_two_that_migrate_at_once_take_turns(url, newer):
    words = [sys.executable, "-c", RUN, url, str(newer)]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    done = [process.communicate()[0].split() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sorted(revision for each in done for revision in each) == [*NEWER]
