"""A PostgreSQL server of one's own for tests and benches: made in a scratch folder, ended by its number.

One server serves a whole test process and the processes it starts (they find it by ``ASSAY_TEST_POSTGRES``).
The cluster's own order of letters is English, so that a column that does not ask for code points shows.
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg

PLACE = "ASSAY_TEST_POSTGRES"
TEMPLATE = "assay_template"
# Nothing of a test outlives its process, so nothing waits for the disk; journeys that kill the server do.
HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "autovacuum": "off",
}
# Quicker than to make a database anew.
_EMPTY = """
DO $$ DECLARE name text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('alembic_version', 'schema_history')
    LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences LOOP PERFORM setval(name::regclass, 1, false); END LOOP;
END $$
"""
_FREE = []


class Cluster:
    """A server on a Unix socket in ``root``."""

    def __init__(self, root, *, hasty=True):
        self.root = Path(root)
        self.data = self.root / "data"
        self.process = None
        self._settings = SETTINGS | (HASTY if hasty else {})
        self._user = _user()
        if self._user:
            self.root.chmod(0o755)
            os.chown(self.root, *_ids(self._user))

    def make(self):
        """Make the cluster's files."""
        english = ["--locale-provider=icu", "--icu-locale=en-US"] if _version() >= 15 else []
        words = ["initdb", "-D", self.data, "-U", "assay", "-A", "trust", "-E", "UTF8", "--no-sync"]
        self._run([*words, "--locale=C.UTF-8", *english])
        return self

    def start(self):
        """Start the server and wait until it answers."""
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        words = [_program("postgres"), "-D", self.data, "-k", self.root, *options]
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **self._as()
            )
        for _ in range(600):
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.root / "log").read_text()
                time.sleep(0.05)  # a poll, bounded above
            else:
                return self
        raise AssertionError("PostgreSQL did not come up")

    def stop(self, number=signal.SIGINT):
        """End the server: at once but cleanly (SIGINT), or as a crash would (SIGQUIT)."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def url(self, name="assay"):
        """Return the address of a database."""
        return f"postgresql://assay@/{name}?host={self.root}"

    def run(self, *statements, database="postgres"):
        """Run statements; return the rows of the last one that has some."""
        return run(self.url(database), *statements)

    def _run(self, words):
        done = subprocess.run(
            [_program(words[0]), *words[1:]], capture_output=True, text=True, cwd=self.root, **self._as()
        )
        assert done.returncode == 0, done.stderr

    def _as(self):
        if not self._user:
            return {}
        user, group = _ids(self._user)
        return {"user": user, "group": group, "extra_groups": []}


def run(url, *statements):
    """Run statements, each by itself; return the rows of the last one that has some."""
    found = []
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
            found = cursor.fetchall() if cursor.description else found
    return found


def scratch_cluster(*, hasty=True):
    """Return a running server in a new folder; whoever asks ends it with :func:`discard`."""
    # The path of a socket may not be long, so this is not in the folder of the test.
    return Cluster(tempfile.mkdtemp(prefix="assay-pg-"), hasty=hasty).make().start()


def discard(cluster):
    """End a server and remove its files."""
    cluster.stop()
    shutil.rmtree(cluster.root, ignore_errors=True)


def database_for(root):
    """Return the address of the database that belongs to a test's folder; it is given when there is none.

    The folder says which it is, so that processes which the test starts find the same.
    """
    note = Path(root) / "postgresql"
    if not note.exists():
        note.write_text(_FREE.pop() if _FREE else fresh_database(TEMPLATE))
    return note.read_text()


def take_back(root):
    """Empty the database of a test's folder, for the next test."""
    note = Path(root) / "postgresql"
    if note.exists():
        url = note.read_text()
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        run(url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}", _EMPTY)
        _FREE.append(url)
        note.unlink()


def fresh_database(template="template0"):
    """Return the address of a new database on the server of this test process: it is empty as a rule."""
    url, name = _shared(), f"t_{uuid4().hex}"
    run(url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return url.replace("/postgres?", f"/{name}?")


def _shared():
    """Return the address of the server of this test process, which is started when it is first needed."""
    if PLACE not in os.environ:
        os.environ[PLACE] = _start_shared()
    return os.environ[PLACE]


@cache
def _start_shared():
    from assay.storage.revision import create_schema

    cluster = scratch_cluster()
    atexit.register(discard, cluster)
    cluster.run(f"CREATE DATABASE {TEMPLATE}")
    assert create_schema(cluster.url(TEMPLATE))
    return cluster.url("postgres")


@cache
def _version():
    done = subprocess.run([_program("postgres"), "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[2].split(".")[0])


@cache
def _program(name):
    """Return a program of PostgreSQL; Debian keeps those of servers out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: path.parts[4])
    found = str(places[-1]) if places else shutil.which(name)
    assert found, (
        f"PostgreSQL is missing ({name}): run `make setup` as root, or install the package postgresql"
    )
    return found


def _user():
    """Return who runs the server, which PostgreSQL refuses to root; "" for whoever runs the tests."""
    if os.geteuid() != 0:
        return ""
    return "postgres" if any(each.pw_name == "postgres" for each in pwd.getpwall()) else "nobody"


def _ids(name):
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid
