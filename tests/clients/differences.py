"""Where Assay deliberately shows an MLflow client something else than a stock server does.

One entry for each line of the list in ``docs/reference/mlflow.md``, with every place in the scenarios
where it is seen and what Assay shows there (a regular expression over its JSON). A place where nothing
differs, and a difference without a place, fail the test.
"""

from dataclasses import dataclass

ALL = ("3.17", "3.18", "2.22")


@dataclass(frozen=True)
class Place:
    """A part of a scenario's document; a path of keys, each literal or with ``*``."""

    scenario: str
    path: tuple[str, ...]
    ours: str
    clients: tuple[str, ...] = ALL


@dataclass(frozen=True)
class Difference:
    """A deliberate difference, as the reference page says it."""

    name: str
    reason: str
    places: tuple[Place, ...]


def at(scenario, *path, ours, clients=ALL):
    """Write a place."""
    return Place(scenario, path, ours, clients)


DIFFERENCES: tuple[Difference, ...] = ()


def places(scenario, client):
    """Return what is listed for a scenario and a client such as ``3.17``."""
    listed = [each for difference in DIFFERENCES for each in difference.places]
    return [each for each in listed if each.scenario == scenario and client in each.clients]
