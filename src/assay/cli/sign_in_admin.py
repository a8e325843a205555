# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``sign-in``, ``publisher``, ``principal link``: who is who at the provider, roles of groups, CI jobs."""

from typing import Annotated

import typer

from assay.cli.accounts import Name, principals
from assay.cli.connection import connect
from assay.cli.options import Json, pairs
from assay.cli.terminal import print_json, print_table, say

sign_in = typer.Typer(
    help="Roles of the groups at the identity provider.", no_args_is_help=True, rich_markup_mode=None
)
publishers = typer.Typer(
    help="Trusted publishers: CI jobs without stored secrets.", no_args_is_help=True, rich_markup_mode=None
)
Group = Annotated[str, typer.Argument(metavar="GROUP", help="As the provider names it in its tokens.")]
Where = Annotated[str, typer.Argument(metavar="TEAM_OR_PATTERN", help="team, *, team/* or team/task")]
Issuer = Annotated[str, typer.Option("--issuer", metavar="URL", help="Address of the identity provider.")]
Subject = Annotated[str, typer.Option("--subject", metavar="SUBJECT", help="The sub of its tokens.")]


@sign_in.command("map")
def map_group(
    group: Group,
    pattern: Where,
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="reader, contributor, approver, maintainer or admin")
    ],
    json: Json = False,
) -> None:
    """Give a role to whoever is in GROUP, from their next sign-in on."""
    with connect() as registry:
        given = registry.map_group(group, pattern, role)
    if json:
        print_json(given)
        return
    say(f"{given.group} gives {given.role.value} on {given.pattern}")


@sign_in.command("list")
def list_groups(json: Json = False) -> None:
    """List what the groups at the provider give."""
    with connect() as registry:
        found = registry.group_roles()
    if json:
        print_json(found)
        return
    rows = [(each.group, each.role.value, each.pattern) for each in found]
    print_table("", ("group", "role", "on"), rows, "groups give nothing")


@sign_in.command("remove")
def unmap_group(group: Group, pattern: Where, json: Json = False) -> None:
    """Take a role from a group; it ends with the sign-ins that there are."""
    with connect() as registry:
        registry.unmap_group(group, pattern)
    if json:
        print_json({"removed": f"{group} {pattern}"})
        return
    say(f"{group} gives nothing on {pattern} any more")


@publishers.command("add")
def add_publisher(  # noqa: PLR0913 - one parameter per option
    *,
    pattern: Annotated[
        str, typer.Argument(metavar="TEAM_OR_MODEL", help="What its jobs register: team or team/task")
    ],
    provider: Annotated[str, typer.Option("--provider", metavar="KIND", help="github, gitlab or generic.")],
    issuer: Annotated[
        str, typer.Option("--issuer", metavar="URL", help="Of a self-hosted or generic service.")
    ] = "",
    repository: Annotated[
        str, typer.Option("--repository", metavar="OWNER/NAME", help="Whose jobs; a GitLab project's path.")
    ] = "",
    repository_owner_id: Annotated[
        str,
        typer.Option(
            "--repository-owner-id", metavar="NUMBER", help="Of the owner, or of the GitLab namespace."
        ),
    ] = "",
    workflow: Annotated[
        str, typer.Option("--workflow", metavar="FILE", help="release.yml, or GitLab's .gitlab-ci.yml.")
    ] = "",
    environment: Annotated[
        str, typer.Option("--environment", metavar="NAME", help="In which alone its jobs may publish.")
    ] = "",
    claim: Annotated[
        list[str],
        typer.Option(
            "--claim",
            metavar="NAME=TEXT",
            help="What a generic service's tokens must claim; repeatable, sub is needed.",
            default_factory=list,
            show_default=False,
        ),
    ],
    json: Json = False,
) -> None:
    """Trust the jobs of a CI service: they register and report, and can do no more."""
    from assay.wire.sign_in import NewPublisher

    wanted = NewPublisher(
        pattern=pattern,
        provider=provider,
        issuer=issuer,
        repository=repository,
        repository_owner_id=repository_owner_id,
        workflow=workflow,
        environment=environment,
        claims=pairs(claim, "claim"),
    )
    with connect() as registry:
        made = registry.add_publisher(wanted)
    if json:
        print_json(made)
        return
    say(f"publisher {made.id}: {made.words} may register and report on {made.pattern}")


@publishers.command("list")
def list_publishers(json: Json = False) -> None:
    """List the trusted publishers of the teams whose admin you are."""
    with connect() as registry:
        found = registry.publishers()
    if json:
        print_json(found)
        return
    rows = [(each.id, each.words, each.pattern, each.issuer, each.created_by) for each in found]
    print_table("", ("publisher", "jobs of", "on", "issuer", "added by"), rows, "no trusted publishers")


@publishers.command("remove")
def remove_publisher(
    publisher: Annotated[str, typer.Argument(metavar="PUBLISHER", help="Its id.")], json: Json = False
) -> None:
    """Trust these jobs no more; tokens that they hold stop at once."""
    with connect() as registry:
        registry.remove_publisher(publisher)
    if json:
        print_json({"removed": publisher})
        return
    say(f"removed {publisher}")


@principals.command("link")
def link(name: Name, issuer: Issuer, subject: Subject, json: Json = False) -> None:
    """Say who somebody at the identity provider is here."""
    with connect() as registry:
        made = registry.link_identity(name, issuer, subject)
    if json:
        print_json(made)
        return
    say(f"{made.subject} at {made.issuer} signs in as {made.principal}")


@principals.command("unlink")
def unlink(name: Name, issuer: Issuer, subject: Subject, json: Json = False) -> None:
    """Forget an identity; its sessions end, and what came through groups."""
    with connect() as registry:
        registry.unlink_identity(name, issuer, subject)
    if json:
        print_json({"removed": f"{issuer} {subject}"})
        return
    say(f"{subject} at {issuer} does not sign in as {name} any more")


@principals.command("identities")
def identities(name: Name, json: Json = False) -> None:
    """List who somebody is at identity providers."""
    with connect() as registry:
        found = registry.identities(name)
    if json:
        print_json(found)
        return
    rows = [(each.issuer, each.subject, each.linked_by, each.linked_at) for each in found]
    print_table("", ("issuer", "subject", "linked by", "at"), rows, "no identities")


@principals.command("sign-out")
def sign_out(name: Name, json: Json = False) -> None:
    """End every browser session of somebody; tokens are revoked by themselves."""
    with connect() as registry:
        count = registry.end_sessions(name)
    if json:
        print_json({"count": count})
        return
    say(f"{count} sessions of {name} ended")
