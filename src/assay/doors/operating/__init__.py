"""The operators' door: ``/readyz`` for balancers, ``/metrics`` for Prometheus.

Translates, never decides. Sources: Prometheus exposition formats
(https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from assay.doors.operating.door import Watched, operating_app

__all__ = ["Watched", "operating_app"]
