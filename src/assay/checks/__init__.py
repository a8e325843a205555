"""Checks: heavy measurements that run beside the data and report evidence.

This module is light, because the server needs the names; the checks themselves, with their
libraries, are in :mod:`assay.checks.catalogue`, which only the process that runs a job imports.
"""

from typing import Final

CHECK_NAMES: Final = frozenset({"unit_tests", "metrics", "leakage", "bias", "integration", "load", "scan"})
