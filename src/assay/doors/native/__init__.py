"""The native door: typed JSON under ``/api/v1``, bytes streamed up and down, documentation at ``/docs``.

It translates: reads a request strictly, calls one use case, writes the answer. It decides nothing.
"""

from assay.doors.native.door import native_app
from assay.doors.native.routes import ROUTES

__all__ = ["ROUTES", "native_app"]
