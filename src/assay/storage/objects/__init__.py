"""Blobs in an object store: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

``opening`` makes the provider's client, ``answers`` says its errors in the registry's words, ``sending``
brings bytes there so that nothing half or false gets a name, ``blobs`` is the store over them, ``parts``
and ``shelf`` its two sides, ``copies`` the local copies that checks read. Only ``opening``, ``answers``
and what lies over them import the provider library, which a registry on a disk does not need.
"""
