"""Routes of access: principals, grants, tokens."""

from assay.core.access import Grant, Principal, Token
from assay.doors.native.route import Call, Created, Route
from assay.wire.requests import NewGrant, NewPassword, NewPrincipal, NewToken, PrincipalChange
from assay.wire.views import CreatedToken


def create_principal(call: Call) -> Created:
    """Make somebody known."""
    return Created(call.use.access.create_principal(call.caller, call.read(NewPrincipal)))


def principals(call: Call) -> tuple[Principal, ...]:
    """List everybody."""
    return call.use.access.principals(call.caller)


def change_principal(call: Call) -> Principal:
    """Disable or enable."""
    change = call.read(PrincipalChange)
    return call.use.access.change_principal(call.caller, call.path["name"], change)


def set_password(call: Call) -> None:
    """Set a password."""
    wanted = call.read(NewPassword)
    call.use.people.set_password(call.caller, call.path["name"], wanted.password, wanted.current)


def grants(call: Call) -> tuple[Grant, ...]:
    """List grants."""
    return call.use.access.grants(call.caller, call.one("principal") or None)


def grant(call: Call) -> Grant:
    """Give a role."""
    return call.use.access.grant(call.caller, call.read(NewGrant))


def revoke_grant(call: Call) -> None:
    """Take a role away."""
    call.use.access.revoke_grant(call.caller, call.needed("principal"), call.needed("pattern"))


def create_token(call: Call) -> Created:
    """Make a token."""
    return Created(call.use.access.create_token(call.caller, call.read(NewToken)))


def tokens(call: Call) -> tuple[Token, ...]:
    """List tokens."""
    return call.use.access.tokens(call.caller, call.one("principal"))


def revoke_token(call: Call) -> None:
    """Make a token worthless."""
    call.use.access.revoke_token(call.caller, call.path["id"])


ROUTES = (
    Route(
        "POST",
        "/principals",
        create_principal,
        "Make somebody known",
        gives=Principal,
        takes=NewPrincipal,
        status=201,
    ),
    Route("GET", "/principals", principals, "Everybody, by name", gives=tuple[Principal, ...]),
    Route(
        "PATCH",
        "/principals/{name}",
        change_principal,
        "Disable or enable",
        gives=Principal,
        takes=PrincipalChange,
    ),
    Route(
        "PUT",
        "/principals/{name}/password",
        set_password,
        "Set the password of a person: one's own by the one before, anybody else's with every scope",
        takes=NewPassword,
        status=204,
    ),
    Route(
        "GET", "/grants", grants, "Grants", gives=tuple[Grant, ...], query={"principal": "of this principal"}
    ),
    Route("PUT", "/grants", grant, "Give a role", gives=Grant, takes=NewGrant),
    Route(
        "DELETE",
        "/grants",
        revoke_grant,
        "Take a role away",
        query={"principal": "from whom", "pattern": "on what"},
        status=204,
    ),
    Route(
        "POST",
        "/tokens",
        create_token,
        "Make a token, shown once",
        gives=CreatedToken,
        takes=NewToken,
        status=201,
        secret=True,
    ),
    Route(
        "GET",
        "/tokens",
        tokens,
        "Tokens, newest first",
        gives=tuple[Token, ...],
        query={"principal": "of whom"},
    ),
    Route("DELETE", "/tokens/{id}", revoke_token, "Make a token worthless at once", status=204),
)
