"""The verbs. One method is one thing a user can ask and, where it writes, one transaction.

Each method takes the caller first, asks :mod:`assay.core.access` for the right, decides by core's
and the gates' rules, writes through the ports, and leaves an audit event in the same transaction.
"""
