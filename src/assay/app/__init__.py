"""The composition root: the only place that knows every room.

A few small files rather than one, so that a worker does not carry the web framework, a server does
not carry the migration tool, and a person can see what each kind of process is made of:
``registry`` (database, blobs, use cases), ``server``, ``worker``, ``upgrade``, and the ``settings``.
"""

from assay.app.registry import look_at_database, open_means, open_registry
from assay.app.settings import Settings, read_settings

__all__ = ["Settings", "look_at_database", "open_means", "open_registry", "read_settings"]
