# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``whoami``, ``token``, ``principal``, ``grant``: people, service accounts and their rights."""

from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.connection import connect
from assay.cli.direct import local_access, local_people
from assay.cli.options import DataDirectory, Json
from assay.cli.terminal import print_json, print_pairs, print_table, say, tell

if TYPE_CHECKING:
    from assay.core.access import Grant, Principal

tokens = typer.Typer(help="Make and revoke tokens.", no_args_is_help=True, rich_markup_mode=None)
principals = typer.Typer(help="People and service accounts.", no_args_is_help=True, rich_markup_mode=None)
grants = typer.Typer(help="Give and take roles.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the principal.")]
Pattern = Annotated[str, typer.Argument(metavar="PATTERN", help="*, team/* or team/task")]


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command("whoami", rich_help_panel="Look")(whoami)


def whoami(json: Json = False) -> None:
    """Say who you are to the registry and what you may do."""
    with connect() as registry:
        found = registry.whoami()
    if json:
        print_json(found)
        return
    print_pairs(
        found.principal.name,
        [
            ("kind", found.principal.kind.value),
            ("name", found.principal.display_name),
            ("token may", ", ".join(found.scopes) + f" on {found.pattern}"),
        ],
    )
    _print_grants(found.grants)


@tokens.command("create")
def create_token(  # noqa: PLR0913 - one parameter per option
    *,
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="read, write, evidence, approve or admin; repeatable; read when left out.",
            default_factory=list,
            show_default=False,
        ),
    ],
    principal: Annotated[
        str, typer.Option("--principal", metavar="NAME", help="For whom; else for yourself.")
    ] = "",
    pattern: Annotated[
        str, typer.Option("--pattern", metavar="PATTERN", help="Only for these models.")
    ] = "*",
    days: Annotated[float, typer.Option("--days", metavar="DAYS", help="Lifetime, at most 366.")] = 90.0,
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="What it is for.")] = "",
    data: DataDirectory = "",
    json: Json = False,
) -> None:
    """Make a token; its text is printed this once."""
    from assay.wire.requests import NewToken

    wanted = NewToken(tuple(scope) or ("read",), principal, pattern, days, description)
    if data:
        with local_access(data) as (access, caller):
            created = access.create_token(caller, wanted)
    else:
        with connect() as registry:
            created = registry.create_token(wanted)
    if json:
        print_json(created)
        return
    tell(f"token {created.token.id} of {created.token.principal}, until {created.token.expires_at:%Y-%m-%d}")
    say(created.text)
    tell("it is shown this once; use it as ASSAY_TOKEN")


@tokens.command("list")
def list_tokens(
    principal: Annotated[str, typer.Option("--principal", metavar="NAME", help="Whose; else your own.")] = "",
    json: Json = False,
) -> None:
    """List tokens, without their secrets."""
    with connect() as registry:
        found = registry.tokens(principal)
    if json:
        print_json(found)
        return
    rows = [
        (
            each.id,
            each.principal,
            ", ".join(sorted(scope.value for scope in each.scopes)),
            each.pattern,
            each.expires_at,
            each.revoked_at,
            each.description,
        )
        for each in found
    ]
    print_table("", ("token", "of", "scopes", "on", "expires", "revoked", "description"), rows, "no tokens")


@tokens.command("revoke")
def revoke_token(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id.")], json: Json = False
) -> None:
    """Make a token worthless at once."""
    with connect() as registry:
        registry.revoke_token(token)
    if json:
        print_json({"revoked": token})
        return
    say(f"revoked {token}")


@principals.command("create")
def create_principal(
    *,
    name: Name,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="person or service.")] = "person",
    owner: Annotated[
        str, typer.Option("--owner", metavar="NAME", help="The person who answers for a service account.")
    ] = "",
    display_name: Annotated[str, typer.Option("--display-name", metavar="TEXT", help="For people.")] = "",
    data: DataDirectory = "",
    json: Json = False,
) -> None:
    """Make a person or service account known."""
    from assay.wire.requests import NewPrincipal

    wanted = NewPrincipal(name, kind, owner, display_name)
    if data:
        with local_access(data) as (access, caller):
            created = access.create_principal(caller, wanted)
    else:
        with connect() as registry:
            created = registry.create_principal(wanted)
    if json:
        print_json(created)
        return
    say(f"created {created.kind.value} {created.name}")
    tell(f"next: assay grant add {created.name} contributor 'team/*'")
    if created.kind.value == "person":
        tell(f"to let them sign in: assay principal password {created.name}")


@principals.command("list")
def list_principals(json: Json = False) -> None:
    """List everybody known."""
    with connect() as registry:
        found = registry.principals()
    if json:
        print_json(found)
        return
    rows = [
        (each.name, each.kind.value, each.owner, each.display_name, each.created_at, each.disabled)
        for each in found
    ]
    print_table("", ("name", "kind", "owner", "display name", "created", "disabled"), rows)


@principals.command("disable")
def disable_principal(name: Name, json: Json = False) -> None:
    """Shut a principal out; its tokens stop at once."""
    _change(name, disabled=True, json=json)


@principals.command("enable")
def enable_principal(name: Name, json: Json = False) -> None:
    """Let a disabled principal in again."""
    _change(name, disabled=False, json=json)


@principals.command("password")
def set_password(name: Name, data: DataDirectory = "", json: Json = False) -> None:
    """Set the password of a person; it is asked for, or read from standard input."""
    from assay.cli.asking import Passwords

    asked = Passwords()
    if data:
        with local_people(data) as (people, caller):
            asked.use(lambda new, current: people.set_password(caller, name, new, current))
    else:
        with connect() as registry:
            asked.use(lambda new, current: registry.set_password(name, new, current))
    if json:
        print_json({"password": name})
        return
    say(f"{name} signs in with the new password from now on")


@grants.command("add")
def add_grant(
    *,
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Name of the principal.")],
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="reader, contributor, approver, maintainer or admin")
    ],
    pattern: Pattern,
    stage: Annotated[
        list[str],
        typer.Option(
            "--stage",
            metavar="STAGE",
            help="Only into and out of it; repeatable.",
            default_factory=list,
            show_default=False,
        ),
    ],
    data: DataDirectory = "",
    json: Json = False,
) -> None:
    """Give a role on models; an earlier one of the same pattern is replaced."""
    from assay.wire.requests import NewGrant

    wanted = NewGrant(principal, role, pattern, tuple(stage) or None)
    if data:
        with local_access(data) as (access, caller):
            given = access.grant(caller, wanted)
    else:
        with connect() as registry:
            given = registry.grant(wanted)
    if json:
        print_json(given)
        return
    _print_grants((given,))


@grants.command("remove")
def remove_grant(
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Name of the principal.")],
    pattern: Pattern,
    json: Json = False,
) -> None:
    """Take a role away."""
    with connect() as registry:
        registry.revoke_grant(principal, pattern)
    if json:
        print_json({"removed": f"{principal} {pattern}"})
        return
    say(f"{principal} has no role on {pattern} any more")


@grants.command("list")
def list_grants(
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Only of this one.")] = "",
    json: Json = False,
) -> None:
    """List roles, of one principal or of all."""
    with connect() as registry:
        found = registry.grants(principal)
    if json:
        print_json(found)
        return
    _print_grants(found)


def _change(name: str, *, disabled: bool, json: bool) -> None:
    from assay.wire.requests import PrincipalChange

    with connect() as registry:
        found: Principal = registry.change_principal(name, PrincipalChange(disabled))
    if json:
        print_json(found)
        return
    say(f"{found.name} is {'disabled' if found.disabled else 'enabled'}")


def _print_grants(found: "tuple[Grant, ...]") -> None:
    rows = [
        (
            each.principal,
            each.role.value,
            each.pattern,
            "all" if each.stages is None else ", ".join(sorted(stage.value for stage in each.stages)),
            each.group,
        )
        for each in found
    ]
    print_table("", ("principal", "role", "on", "stages", "through group"), rows, "no grants")
