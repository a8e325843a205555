"""Tracking in SQL: one module per port of ``core.ports.tracking``."""
