"""Checks on a Ray cluster: a worker that leases jobs, and what of it runs on the cluster's nodes.

The worker (:mod:`.worker`) alone speaks with the registry. On a node (:mod:`.node`) lies the same code as
on a worker of one machine: the same job process, the same sandbox, the same environments.
"""
