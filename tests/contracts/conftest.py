from contextlib import closing

import pytest

import postgres
from contracts.samples import model
from contracts.stores import BLOBS, DATABASES


@pytest.fixture(autouse=True)
def _no_database_stays(tmp_path):
    """Take back the database that a test was given."""
    yield
    postgres.take_back(tmp_path)


@pytest.fixture(params=sorted(DATABASES))
def open_database(request, tmp_path):
    """A function that opens the same database, again at each call."""
    return lambda: DATABASES[request.param](tmp_path)


@pytest.fixture
def database(open_database):
    with closing(open_database()) as one:
        yield one


@pytest.fixture
def filled(database):
    """A database with the model of the samples."""
    with database.write() as records:
        records.models.add(model())
    return database


@pytest.fixture(params=sorted(BLOBS))
def open_blobs(request, tmp_path):
    """A function that opens the same blob store, again at each call."""
    return lambda: BLOBS[request.param](tmp_path)


@pytest.fixture
def blobs(open_blobs):
    return open_blobs()
