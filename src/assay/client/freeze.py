"""The full freeze of the Python that runs this file, as JSON when run by itself.

It needs nothing but the standard library and nothing else of this package, so that the Python of
another environment can run it as a script.
"""

import json
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from typing import Any

OWN_NAME = "assay"


def freeze(installed: Iterable[Distribution] | None = None) -> dict[str, Any]:
    """Describe this Python: version ``X.Y.Z``, platform, and every installed distribution.

    A distribution from the package index reads ``name==version``; one that was installed from a
    folder, an archive or a repository says so (PEP 610), because its version alone would not bring
    it back. The registry's own client is left out: it looks at the environment, it is not part of
    what the model needs.
    """
    found: dict[str, str] = {}
    nameless = 0
    for each in distributions() if installed is None else installed:
        name = each.metadata["Name"]
        if not name:
            nameless += 1
            continue
        key = name.lower().replace("_", "-").replace(".", "-")
        if key != OWN_NAME:
            found.setdefault(key, requirement(name, each))
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system().lower()}-{platform.machine()}".strip("-"),
        "packages": [found[key] for key in sorted(found)],
        "nameless_count": nameless,
        "prefix": sys.prefix,
    }


def requirement(name: str, distribution: Distribution) -> str:
    """Return the line that stands for one distribution."""
    origin = distribution.read_text("direct_url.json")
    if not origin:
        return f"{name}=={distribution.version}"
    return direct_requirement(name, json.loads(origin))


def direct_requirement(name: str, origin: dict[str, Any]) -> str:
    """Return ``name @ url`` for what was not installed from an index (PEP 610), without logins in it."""
    scheme, separator, rest = str(origin.get("url", "")).partition("://")
    host, slash, path = rest.partition("/")
    url = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
    version_control = origin.get("vcs_info")
    if version_control:
        url = f"{version_control.get('vcs', 'git')}+{url}@{version_control.get('commit_id', '')}"
    hashes = (origin.get("archive_info") or {}).get("hashes") or {}
    if "sha256" in hashes:
        url += f"#sha256={hashes['sha256']}"
    return f"{name} @ {url}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(freeze()))
