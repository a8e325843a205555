"""Ports of who may ask and who works: principals, tokens, passwords, groups, teams, jobs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from assay.core.access import Grant, Principal, Token
from assay.core.groups import Group
from assay.core.jobs import Job
from assay.core.names import ModelName
from assay.core.passwords import StoredPassword
from assay.core.teams import Team


class Principals(Protocol):
    """People and service accounts, and what they were granted."""

    def add(self, principal: Principal) -> None:
        """Store a new principal.

        Raises:
            ConflictError: the name is taken.
        """
        ...

    def get(self, name: str) -> Principal | None:
        """Return one."""
        ...

    def all(self) -> tuple[Principal, ...]:
        """Return all, by name."""
        ...

    def save(self, principal: Principal) -> None:
        """Replace owner, display name and disabled."""
        ...

    def grant(self, grant: Grant) -> Grant | None:
        """Give a role; replaces the grant of that principal on that pattern and returns it."""
        ...

    def revoke(self, principal: str, pattern: str) -> Grant | None:
        """Take a grant away; return it, None when there was none."""
        ...

    def grants(self, principal: str | None = None) -> tuple[Grant, ...]:
        """Return the grants of one principal or of all, by principal and pattern."""
        ...


class Tokens(Protocol):
    """Tokens by public id."""

    def add(self, token: Token) -> None:
        """Store a new token."""
        ...

    def get(self, token_id: str) -> Token | None:
        """Return one."""
        ...

    def of(self, principal: str) -> tuple[Token, ...]:
        """Return all of a principal, newest first."""
        ...

    def revoke(self, token_id: str, at: datetime) -> None:
        """Mark it revoked; the first time counts."""
        ...


class Passwords(Protocol):
    """What is stored of passwords, by principal."""

    def get(self, principal: str) -> StoredPassword | None:
        """Return what is stored of a principal's password."""
        ...

    def put(self, password: StoredPassword) -> None:
        """Store it in place of the one before."""
        ...

    def remove(self, principal: str) -> bool:
        """Take it away; tell whether there was one."""
        ...


class Groups(Protocol):
    """Groups with their grants and members."""

    def add(self, group: Group) -> Group:
        """Store a new group; the store gives its ``id``.

        Raises:
            ConflictError: the team has a group of that name.
        """
        ...

    def get(self, group_id: int) -> Group | None:
        """Return one with its members."""
        ...

    def all(self, team: str | None = None) -> tuple[Group, ...]:
        """Return the groups of a team or of all, by team and name."""
        ...

    def of(self, principal: str) -> tuple[Group, ...]:
        """Return the groups that a principal is in, by team and name."""
        ...

    def save(self, group: Group) -> None:
        """Replace name, description, grants and members.

        Raises:
            ConflictError: the team has another group of that name.
        """
        ...

    def delete(self, group_id: int) -> None:
        """Take a group away; its ``id`` is never given again."""
        ...


class Teams(Protocol):
    """What was written about teams, and which hold something."""

    def get(self, name: str) -> Team | None:
        """Return what was written about a team."""
        ...

    def put(self, team: Team) -> None:
        """Store it in place of what was written before."""
        ...

    def remove(self, name: str) -> None:
        """Forget what was written about a team."""
        ...

    def all(self) -> tuple[Team, ...]:
        """Return what was written, by name."""
        ...

    def holding(self) -> frozenset[str]:
        """Return the teams that hold something."""
        ...

    def contents(self, name: str) -> Mapping[str, int]:
        """Return how many things of each kind a team holds, what was deleted and can come back included."""
        ...


class Jobs(Protocol):
    """The queue of checks."""

    def add(self, job: Job) -> None:
        """Queue a job."""
        ...

    def get(self, job_id: str) -> Job | None:
        """Return one."""
        ...

    def free(self, at: datetime) -> Job | None:
        """Return the oldest job that is queued, or whose lease is over with attempts left."""
        ...

    def change(self, before: Job, after: Job) -> bool:
        """Replace ``before`` by ``after``.

        Returns:
            False when the job is not as in ``before`` any more, told by state, holder and attempt:
            then nothing is changed.
        """
        ...

    def exhausted(self, at: datetime) -> tuple[Job, ...]:
        """Return every job whose last attempt's lease is over, oldest first."""
        ...

    def of_worker(self, worker: str) -> tuple[Job, ...]:
        """Return the jobs that a worker holds, oldest first, whether or not their time is over."""
        ...

    def of_version(self, model: ModelName, number: int) -> tuple[Job, ...]:
        """Return the jobs of a version, newest first."""
        ...
