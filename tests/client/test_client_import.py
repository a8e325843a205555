"""Importing is cheap, and the SDK lives without the server."""

import subprocess
import sys

import pytest

import assay

HEAVY = ("sqlalchemy", "alembic", "granian", "numpy", "pandas", "polars", "sklearn", "yaml")


def modules_after(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_assay_loads_neither_client_nor_http():
    found = modules_after("import assay")
    assert not found & {"httpx", "msgspec", "assay.client", "assay.core.errors"}


def test_the_client_needs_nothing_of_the_server_and_no_data_libraries():
    found = modules_after("import assay\nassay.Client")
    assert not found & set(HEAVY)
    foreign = {"assay.usecases", "assay.storage", "assay.doors", "assay.gates", "assay.checks", "assay.cli"}
    assert not found & foreign


@pytest.mark.parametrize("name", assay.__all__)
def test_every_name_offered_is_there(name):
    assert getattr(assay, name)
    assert name in dir(assay)


def test_a_name_that_is_not_offered_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_like_it"):
        assay.nothing_like_it  # noqa: B018
