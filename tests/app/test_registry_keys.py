"""Servers use the keys that the registry has, and never make others beside them."""

import shutil
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from assay.app import Settings, open_means
from assay.app.backups import back_up, restore
from assay.core.answers import KeptAnswer
from assay.core.errors import UnavailableError
from assay.storage import FileSeal, FileSigner
from assay.usecases.bundle import UseCases
from assay.usecases.means import Act
from contracts.empty_databases import empty_database
from contracts.webhook_samples import hook

SEAL, AUDIT = "seal.key", "audit.key"
KEYS = (SEAL, AUDIT)
OTHER = {SEAL: FileSeal, AUDIT: FileSigner}


@pytest.fixture
def shared():
    return empty_database("postgresql", None)


def settings(tmp_path, name, shared, **more):
    """A server's settings: a data folder of its own, records and files that all share."""
    return Settings(data=tmp_path / name, database=shared, blobs=str(tmp_path / "blobs"), **more)


@contextmanager
def opened(*asked, **more):
    means = open_means(settings(*asked, **more), serves=True)
    with closing(means.database):
        yield means


def use_keys(means, *, secret=True):
    """Leave something behind that only the registry's keys can read or go on from."""
    with means.database.write() as records:
        if secret:
            records.webhooks.add(hook(sealed_secret=means.seal.close("geheim")))
        else:
            kept = KeptAnswer("k", "f", datetime.now(UTC), 201, means.seal.close("geheim"), sealed=True)
            records.answers.keep(kept)
    use = UseCases.over(means)
    use.heads.newest(use.access.local())


def forget_fingerprints(means):
    """Make of it a registry of a program that noted none."""
    with means.database.write() as records:
        records.connection.execute(text("DELETE FROM registry_keys"))


def test_the_first_server_makes_the_keys_and_one_with_the_same_starts(tmp_path, shared):
    with opened(tmp_path, "one", shared) as means:
        use_keys(means)
    (tmp_path / "two").mkdir()
    for name in KEYS:
        shutil.copy(tmp_path / "one" / name, tmp_path / "two" / name)
    with opened(tmp_path, "two", shared) as means:
        with means.database.read() as records:
            (found,) = records.webhooks.active()
        assert means.seal.open(found.sealed_secret) == "geheim"


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("noted", [True, False])
def test_a_server_without_a_key_that_the_registry_has_does_not_start_and_makes_none(
    tmp_path, shared, name, noted
):
    with opened(tmp_path, "one", shared) as means:
        use_keys(means)
        if not noted:
            forget_fingerprints(means)
    (tmp_path / "two").mkdir()
    (other,) = {*KEYS} - {name}
    shutil.copy(tmp_path / "one" / other, tmp_path / "two" / other)
    with pytest.raises(UnavailableError, match=f"no {name}, and the registry has one") as refused:
        open_means(settings(tmp_path, "two", shared), serves=True)
    assert f"copy {name}" in refused.value.hint
    assert not (tmp_path / "two" / name).exists()


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("secret", [True, False])
def test_a_server_with_another_key_does_not_start(tmp_path, shared, name, noted, secret):
    with opened(tmp_path, "one", shared) as means:
        use_keys(means, secret=secret)
        if not noted:
            forget_fingerprints(means)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / name).unlink()
    OTHER[name](tmp_path / "two" / name).fingerprint(make=True)
    with pytest.raises(UnavailableError, match=f"another {name} than the registry"):
        open_means(settings(tmp_path, "two", shared), serves=True)
    with opened(tmp_path, "one", shared):
        pass  # it goes on, and is noted where it was not
    with pytest.raises(UnavailableError, match=f"another {name}"):
        open_means(settings(tmp_path, "two", shared), serves=True)


def test_of_servers_that_begin_at_once_with_folders_of_their_own_one_makes_keys(tmp_path, shared):
    open_means(settings(tmp_path, "tables", shared)).database.close()
    begin, problems = threading.Barrier(3), []

    def start(name):
        begin.wait()
        try:
            open_means(settings(tmp_path, name, shared), serves=True).database.close()
        except UnavailableError as error:
            problems.append(error.message)

    threads = [threading.Thread(target=start, args=(name,)) for name in ("a", "b", "c")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(problems) == 2
    assert len([*tmp_path.glob("*/*.key")]) == 2, "of each kind one"


def test_a_worker_needs_no_keys_and_makes_none(tmp_path, shared):
    with opened(tmp_path, "one", shared):
        pass
    means = open_means(settings(tmp_path, "worker", shared))
    with closing(means.database), pytest.raises(UnavailableError, match=r"seal\.key"):
        means.seal.close("x")
    assert not [*(tmp_path / "worker").glob("*.key")]


def test_a_named_audit_key_is_held_to_the_same(tmp_path, shared):
    for name in ("this", "that"):
        FileSigner(tmp_path / name).public()
    with opened(tmp_path, "one", shared, audit_key=tmp_path / "this"):
        pass
    with pytest.raises(UnavailableError, match=r"another audit\.key"):
        open_means(settings(tmp_path, "one", shared, audit_key=tmp_path / "that"), serves=True)


def test_a_key_that_was_lost_for_good_is_replaced_when_an_operator_says_so(tmp_path, shared):
    with opened(tmp_path, "one", shared) as means:
        use_keys(means)
    (tmp_path / "one" / SEAL).unlink()
    means = open_means(settings(tmp_path, "one", shared))
    with closing(means.database), means.database.write() as records:
        records.connection.execute(text("UPDATE registry_keys SET fingerprint = '' WHERE name = 'seal'"))
    with opened(tmp_path, "one", shared) as means:
        assert means.seal.open(means.seal.close("new")) == "new"
    with pytest.raises(UnavailableError, match=r"no seal\.key"):
        open_means(settings(tmp_path, "two", shared), serves=True)


def test_with_sqlite_a_lost_key_stops_servers_and_nothing_else(tmp_path):
    one = Settings(data=tmp_path / "data")
    with closing(open_means(one, serves=True).database):
        pass
    (one.data / AUDIT).unlink()
    with pytest.raises(UnavailableError, match=r"no audit\.key"):
        open_means(one, serves=True)
    open_means(one).database.close()
    assert not (one.data / AUDIT).exists()
    assert back_up(one, tmp_path / "backup", secrets=False).manifest.revision


@pytest.mark.parametrize("secrets", [True, False])
def test_a_restored_registry_goes_on_with_its_keys_or_with_new_ones(tmp_path, secrets):
    one, new = Settings(data=tmp_path / "one"), Settings(data=tmp_path / "new")
    means = open_means(one, serves=True)
    with closing(means.database):
        use_keys(means)
    back_up(one, tmp_path / "backup", secrets=secrets)
    restore(new, tmp_path / "backup", accept_missing=False)
    means = open_means(new, serves=True)
    with closing(means.database):
        use = UseCases.over(means)
        with means.database.write() as records:
            Act(records, "ada", datetime.now(UTC)).note("note", "something/new")
        assert use.heads.newest(use.access.local()).size > 0
        assert use.heads.verify(use.access.local()).whole
    same = [(one.data / name).read_bytes() == (new.data / name).read_bytes() for name in KEYS]
    assert same == [secrets, secrets]
