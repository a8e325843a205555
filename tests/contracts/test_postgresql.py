"""What holds on PostgreSQL in particular: nobody waits for ever, restarts pass, errors are ours."""

import logging
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing, suppress

import psycopg
import pytest

import postgres
from assay.core.errors import BadInputError, UnavailableError
from assay.core.search import ModelQuery
from assay.core.tracking.filters import parse_filter
from assay.core.tracking.searches import Search
from assay.core.tracking.vocabularies import RUNS
from assay.storage import SqlDatabase, keysets, postgresql
from assay.storage import database as database_module
from assay.storage.revision import create_schema, needs_upgrade
from contracts.samples import MODEL, entry, model
from contracts.stores import open_postgresql
from contracts.tracking_samples import experiment, run

EVERYTHING = ("*",)


@pytest.fixture
def database(tmp_path):
    with closing(open_postgresql(tmp_path)) as one:
        yield one


@pytest.fixture
def cluster():
    """A server of the test's own, which it may stop."""
    one = postgres.scratch_cluster(hasty=False)
    one.run("CREATE DATABASE assay")
    assert create_schema(one.url())
    yield one
    postgres.discard(one)


def short_of_patience(monkeypatch, **seconds):
    """Let connections be opened with shorter limits."""
    words = postgresql._PREPARATION
    for name, value in seconds.items():
        words += f"; SET {name} = '{value}s'"
    monkeypatch.setattr(postgresql, "_PREPARATION", words)


def test_after_a_restart_of_the_server_the_next_request_works(cluster):
    with closing(SqlDatabase(cluster.url())) as database:
        with database.write() as records:
            records.models.add(model())
        for how in (postgres.signal.SIGINT, postgres.signal.SIGQUIT):
            cluster.stop(how)
            with pytest.raises(UnavailableError, match="the operator finds the reason"), database.read():
                raise AssertionError("it was stopped")
            cluster.start()
            with database.read() as records:
                assert records.models.get(MODEL) is not None
            with database.write() as records:
                records.audit.append(entry())
            cluster.stop(how)
            cluster.start()
            with database.write() as records:
                records.audit.append(entry())
        with database.read() as records:
            assert len(records.audit.read()) == 4


def test_a_server_that_dies_in_the_middle_is_unavailable_and_leaves_nothing_half(cluster):
    with closing(SqlDatabase(cluster.url())) as database:

        def write():
            with database.write() as records:
                records.models.add(model())
                cluster.stop(postgres.signal.SIGQUIT)
                records.audit.append(entry())

        with pytest.raises(UnavailableError):
            write()
        cluster.start()
        with database.read() as records:
            assert records.models.get(MODEL) is None


def test_an_acknowledged_write_survives_a_crash_although_the_role_was_set_to_be_hasty(cluster):
    cluster.run("ALTER ROLE assay SET synchronous_commit = off")
    with closing(SqlDatabase(cluster.url())) as database:
        with database.write() as records:
            found = records.connection.exec_driver_sql("SHOW synchronous_commit").scalar()
            records.models.add(model())
        assert found == "on"
        cluster.stop(postgres.signal.SIGQUIT)
        cluster.start()
        with database.read() as records:
            assert records.models.get(MODEL) is not None


def test_what_a_standby_is_asked_for_stays_asked_for(database, tmp_path):
    role = "ALTER ROLE assay IN DATABASE {} SET synchronous_commit = {}"
    url = postgres.database_for(tmp_path)
    name = url.partition("?")[0].rpartition("/")[2]
    postgres.run(url, role.format(name, "remote_apply"))
    with closing(SqlDatabase(url)) as other, other.write() as records:
        assert records.connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "remote_apply"
    postgres.run(url, f"ALTER ROLE assay IN DATABASE {name} RESET synchronous_commit")


def test_who_pauses_in_the_middle_of_a_write_is_cut_off_and_writes_nothing(tmp_path, monkeypatch):
    short_of_patience(monkeypatch, idle_in_transaction_session_timeout=1)
    paused, waiting = open_postgresql(tmp_path), open_postgresql(tmp_path)
    with closing(paused), closing(waiting):
        begun, go_on, found = threading.Event(), threading.Event(), []

        def pause():
            try:
                with paused.write() as records:
                    records.models.add(model())
                    begun.set()
                    go_on.wait()
                    records.audit.append(entry())
            except UnavailableError as error:
                found.append(error)

        thread = threading.Thread(target=pause)
        thread.start()
        begun.wait()
        with waiting.write() as records:
            assert records.models.get(MODEL) is None
            records.models.add(model("other/one"))
        go_on.set()
        thread.join()
        assert [type(error) for error in found] == [UnavailableError]
        with paused.read() as records:
            assert [each.name for each in records.catalogue.models(ModelQuery(), EVERYTHING).items] == [
                "other/one"
            ]


def test_the_limits_leave_time_to_cut_off_a_paused_writer_before_others_give_up():
    assert postgresql.PAUSE_TIMEOUT_S < postgresql.LOCK_TIMEOUT_S


def test_who_waits_too_long_for_another_writer_may_try_again(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "PATIENCE_S", 0.2)
    one, other = open_postgresql(tmp_path), open_postgresql(tmp_path)
    with closing(one), closing(other), one.write() as records:
        records.models.add(model())
        with pytest.raises(UnavailableError, match="try again"), other.write():
            raise AssertionError("two write at once")
        with other.read() as others:
            assert others.models.get(MODEL) is None


def test_who_waited_in_the_process_waits_less_at_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "PATIENCE_S", 4.0)
    one, other = open_postgresql(tmp_path), open_postgresql(tmp_path)
    waited = []

    def write():
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="try again"), other.write():
            raise AssertionError("two write at once")
        waited.append(time.monotonic() - began)

    with closing(one), closing(other), one.write():
        threads = [threading.Thread(target=write) for _ in range(3)]
        for each in threads:
            each.start()
            time.sleep(1)  # they stand in the queue one behind the other, with less and less patience left
        for each in threads:
            each.join()
    assert len(waited) == 3
    assert max(waited) < 2 * 4.0


def test_a_lock_of_something_else_is_waited_for_as_long_as_ever(database):
    with database.write() as records:
        found = records.connection.exec_driver_sql("SHOW lock_timeout").scalar()
    assert found == f"{postgresql.LOCK_TIMEOUT_S}s"
    with database.read() as records:
        assert records.connection.exec_driver_sql("SHOW lock_timeout").scalar() == found


def test_a_view_stays_as_it_was_while_others_write(tmp_path):
    one, other = open_postgresql(tmp_path), open_postgresql(tmp_path)
    with closing(one), closing(other), one.read() as view:
        assert view.models.get(MODEL) is None
        with other.write() as records:
            records.models.add(model())
        assert view.models.get(MODEL) is None


def test_a_view_cannot_write(database):
    with pytest.raises(UnavailableError), database.read() as records:
        records.models.add(model())


def test_a_search_that_takes_too_long_is_ended_and_the_view_is_not_used_on(database, monkeypatch):
    monkeypatch.setattr(keysets, "SEARCH_S", 0.3)
    with database.write() as records:
        records.experiments.add(experiment("one", number=1))
        for number in range(300):
            records.runs.add(run(f"r{number}"), {f"t{place}": "ab" * 8_000 for place in range(8)})
    text = " OR ".join(f"tags.t{place % 8} LIKE '%a_a_a_a_{place}%'" for place in range(45))
    began = time.monotonic()
    with pytest.raises(BadInputError, match=r"longer than 0\.3 s"), database.read() as records:
        records.runs.search((1,), Search(parse_filter(text, RUNS)))
    assert time.monotonic() - began < 10
    with database.read() as records:
        assert records.runs.find("r1") is not None


def test_a_failure_that_was_passed_over_does_not_count_as_written(database):
    def write():
        with database.write() as records:
            records.models.add(model())
            with suppress(psycopg.Error):
                records.connection.connection.cursor().execute("SELECT 1/0")

    with pytest.raises(UnavailableError, match="nothing was written"):
        write()
    with database.read() as records:
        assert records.models.get(MODEL) is None


@pytest.mark.parametrize(
    "words", ["SELECT 'x'::int", "SELECT 9999999999::int", "SELECT 'x' ~ '('", "SELECT chr(0)"]
)
def test_what_postgresql_cannot_keep_or_read_is_bad_input(database, words):
    with pytest.raises(BadInputError), database.read() as records:
        records.connection.exec_driver_sql(words)


def test_a_statement_that_asks_too_much_is_refused_in_our_words(database):
    wide = "SELECT " + ",".join(["1"] * 2000)
    with pytest.raises(BadInputError, match="asks for too much at once"), database.read() as records:
        records.connection.exec_driver_sql(wide)


def test_a_role_without_rights_is_told_the_operator_and_no_stranger(cluster, caplog):
    caplog.set_level(logging.ERROR)
    cluster.run("CREATE ROLE guest LOGIN", "GRANT USAGE ON SCHEMA public TO guest", database="assay")
    database = SqlDatabase(cluster.url().replace("//assay@", "//guest@"))
    with closing(database), pytest.raises(UnavailableError) as refused, database.read() as records:
        records.models.get(MODEL)
    assert "models" not in str(refused.value)
    assert "permission denied for table models" in caplog.text


def test_a_role_needs_no_more_than_a_schema_of_its_own(cluster):
    cluster.run("CREATE ROLE registry LOGIN", "CREATE DATABASE shared")
    cluster.run("CREATE SCHEMA registry AUTHORIZATION registry", database="shared")
    url = cluster.url("shared").replace("//assay@", "//registry@")
    assert needs_upgrade(url)
    assert create_schema(url)
    assert not needs_upgrade(url)
    with closing(SqlDatabase(url)) as database, database.write() as records:
        records.models.add(model())
    found = postgres.run(
        cluster.url("shared"), "SELECT count(*) FROM pg_tables WHERE schemaname = 'registry'"
    )
    assert found[0][0] > 40


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused(cluster, encoding):
    cluster.run(
        f"CREATE DATABASE other ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0 "
        "LOCALE_PROVIDER libc"
    )
    with pytest.raises(UnavailableError, match="encoding must be UTF8"):
        needs_upgrade(cluster.url("other"))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:secret@h/db?nonsense=1",
        "postgresql://u:secret@[h/db",
        "postgresql://u:secret@h:x:y/%zz",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address):
    with pytest.raises(BadInputError) as refused:
        SqlDatabase(address)
    assert "secret" not in f"{refused.value} {refused.value.reasons}"


def test_without_the_driver_the_error_says_what_to_install():
    script = """
        import sys
        sys.modules["psycopg"] = None
        from assay.core.errors import UnavailableError
        from assay.storage import SqlDatabase
        try:
            SqlDatabase("postgresql://h/db")
        except UnavailableError as error:
            print(error.hint)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert done.stdout == "pip install 'psycopg[binary]>=3.2,<4'\n", done.stderr


def test_a_registry_on_sqlite_does_not_load_the_driver():
    script = (
        "import sys; import assay.app; from assay.storage import SqlDatabase; print('psycopg' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
