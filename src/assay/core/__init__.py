"""The rules and the words of the registry.

Values and functions of their arguments only: no clock, disk, network or randomness, and nothing
but the standard library. Every other room may look down here; this one looks at nobody.
"""
