"""Routes of signing in that admins use: identities, roles of groups, sessions, trusted publishers."""

from assay.core.publishers import Publisher
from assay.core.sign_in import GroupRole, Identity
from assay.doors.native.route import Call, Created, Route
from assay.wire.sign_in import EndedSessions, NewGroupRole, NewIdentity, NewPublisher


def link(call: Call) -> Created:
    """Link an identity."""
    return Created(call.use.identities.link(call.caller, call.path["name"], call.read(NewIdentity)))


def unlink(call: Call) -> None:
    """Forget an identity."""
    gone = NewIdentity(call.needed("issuer"), call.needed("subject"))
    call.use.identities.unlink(call.caller, call.path["name"], gone)


def identities(call: Call) -> tuple[Identity, ...]:
    """List identities."""
    return call.use.identities.of(call.caller, call.path["name"])


def end_sessions(call: Call) -> EndedSessions:
    """End sessions."""
    return EndedSessions(call.use.sessions.end_all(call.caller, call.path["name"]))


def map_group(call: Call) -> GroupRole:
    """Give a group a role."""
    return call.use.identities.map(call.caller, call.read(NewGroupRole))


def unmap_group(call: Call) -> None:
    """Take a role from a group."""
    call.use.identities.unmap(call.caller, call.needed("group"), call.needed("pattern"))


def group_roles(call: Call) -> tuple[GroupRole, ...]:
    """List roles of groups."""
    return call.use.identities.roles(call.caller)


def add_publisher(call: Call) -> Created:
    """Trust jobs."""
    return Created(call.use.publishers.add(call.caller, call.read(NewPublisher)))


def publishers(call: Call) -> tuple[Publisher, ...]:
    """List publishers."""
    return call.use.publishers.all(call.caller)


def remove_publisher(call: Call) -> None:
    """Trust jobs no more."""
    call.use.publishers.remove(call.caller, call.path["id"])


ROUTES = (
    Route(
        "POST",
        "/principals/{name}/identities",
        link,
        "Say who somebody at the identity provider is here",
        gives=Identity,
        takes=NewIdentity,
        status=201,
    ),
    Route(
        "GET",
        "/principals/{name}/identities",
        identities,
        "Their identities; one's own, or anybody's as an admin",
        gives=tuple[Identity, ...],
    ),
    Route(
        "DELETE",
        "/principals/{name}/identities",
        unlink,
        "Forget an identity, with the sessions and what came through groups",
        query={"issuer": "of the provider", "subject": "sub of its tokens"},
        status=204,
    ),
    Route(
        "DELETE",
        "/principals/{name}/sessions",
        end_sessions,
        "End every session; one's own, or anybody's as an admin",
        gives=EndedSessions,
    ),
    Route(
        "PUT",
        "/sign-in/groups",
        map_group,
        "Give a role to a group at the identity provider",
        gives=GroupRole,
        takes=NewGroupRole,
    ),
    Route(
        "GET",
        "/sign-in/groups",
        group_roles,
        "What groups at the identity provider give",
        gives=tuple[GroupRole, ...],
    ),
    Route(
        "DELETE",
        "/sign-in/groups",
        unmap_group,
        "Take a role from a group at the identity provider",
        query={"group": "whose", "pattern": "on what"},
        status=204,
    ),
    Route(
        "POST",
        "/publishers",
        add_publisher,
        "Trust the jobs of a CI service with a team's models",
        gives=Publisher,
        takes=NewPublisher,
        status=201,
    ),
    Route(
        "GET",
        "/publishers",
        publishers,
        "Trusted publishers of the teams whose admin one is",
        gives=tuple[Publisher, ...],
    ),
    Route("DELETE", "/publishers/{id}", remove_publisher, "Trust these jobs no more", status=204),
)
