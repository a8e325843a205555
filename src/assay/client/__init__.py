"""The Python SDK: :class:`Client`, and the capture of what surrounds a trained model.

It needs httpx and msgspec, nothing of the server, and knows only core's values and the wire.
"""

from assay.client.registry import Client

__all__ = ["Client"]
