"""What the tests of the use cases share."""

import pytest

from usecases.registry_world import World


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path)
    yield one
    one.means.database.close()
