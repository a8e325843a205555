# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``login`` and ``logout``: through a browser, by a code that is typed, or with a CI job's identity."""

import os
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from assay.cli.connection import connect
from assay.cli.options import Json
from assay.cli.terminal import clean, print_json, say, tell
from assay.core.errors import DeniedError, UnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from assay.client import Client
    from assay.client.browser_login import Waiting

PANEL = "Sign in"


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("login", rich_help_panel=PANEL)(login)
    app.command("logout", rich_help_panel=PANEL)(logout)


def login(
    *,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser",
            help="Open a browser on this machine, or print the address and ask for the code shown there.",
        ),
    ] = True,
    ci: Annotated[
        bool, typer.Option("--ci", help="With this CI job's identity; by itself where the job has one.")
    ] = False,
    pattern: Annotated[
        str,
        typer.Option(
            "--pattern", metavar="PATTERN", help="With --ci: which publisher, where several are the job's."
        ),
    ] = "",
    wait_s: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=1, help="How long to wait for the browser.")
    ] = 300.0,
    json: Json = False,
) -> None:
    """Sign in: keep a short-lived token of this registry for the commands that follow."""
    from assay.client.ci_identity import in_ci

    with connect() as registry:
        if ci or in_ci():
            _login_ci(registry, pattern, json=json)
            return
        if not registry.sign_in_offer().browser:
            hint = "use a token: assay token create; or let the operator set sign_in.issuer"
            raise DeniedError(f"{registry.url} offers no sign-in through a browser", hint=hint)
        signed = _through_browser(registry, wait_s) if browser else _by_code(registry)
        _keep(registry, signed.text, signed.principal, signed.expires_at)
        if signed.notice:
            tell(f"no roles through groups: {signed.notice}")
    _say_who(signed.principal, signed.expires_at, json=json)


def logout(json: Json = False) -> None:
    """Sign out: revoke the token that login keeps for this registry, and forget it."""
    from assay.client import Client
    from assay.client.credentials import forget, kept_for

    with connect() as registry:
        url = registry.url
    kept = kept_for(url)
    revoked = False
    if kept is not None:
        with Client(url, kept.token) as registry:
            try:
                registry.revoke_token(kept.token[6:22])
                revoked = True
            except DeniedError:
                pass  # it is worth nothing any more
    there = forget(url)
    if json:
        print_json({"signed_out": there, "revoked": revoked})
        return
    say(f"signed out of {url}" if there else f"nobody was signed in to {url}")


def _through_browser(registry: "Client", wait_s: float) -> Any:
    """Open a browser and wait on loopback for the code (RFC 8252)."""
    from assay.client.browser_login import Waiting, open_browser

    with Waiting() as waiting:
        address = _address(registry, waiting, {"redirect_uri": waiting.redirect_uri, "state": waiting.state})
        _tell_address(address)
        if not open_browser(address):
            tell("no browser could be opened; open the address yourself, or use --no-browser")
        code = waiting.code(wait_s)
        return registry.redeem_code(code, waiting.verifier)


def _by_code(registry: "Client") -> Any:
    """Let somebody sign in on any machine and type the code that is shown there."""
    from assay.client.browser_login import Waiting

    with Waiting(listen=False) as waiting:
        _tell_address(_address(registry, waiting, {}))
        code = typer.prompt("code", hide_input=True, err=True).strip()
        return registry.redeem_code(code, waiting.verifier)


def _tell_address(address: str) -> None:
    """Print an address in one line, however long: somebody has to copy it, and a terminal to know it."""
    typer.echo(f"sign in at: {clean(address)}", err=True)


def _address(registry: "Client", waiting: "Waiting", more: dict[str, str]) -> str:
    return f"{registry.url}/auth/login?{urlencode({'code_challenge': waiting.challenge, **more})}"


def _login_ci(registry: "Client", pattern: str, *, json: bool) -> None:
    from datetime import UTC, datetime

    from assay.client import Client
    from assay.client.ci_identity import identity_token

    minted = registry.mint_token(identity_token(registry.ci_audience()), pattern)
    until = datetime.fromtimestamp(minted.expires, UTC)
    with Client(registry.url, minted.token) as signed:
        name = signed.whoami().principal.name
    _keep(registry, minted.token, name, until)
    _say_who(name, until, json=json)


def _keep(registry: "Client", token: str, name: str, until: "datetime") -> None:
    from assay.client.credentials import Kept, keep

    try:
        file = keep(registry.url, Kept(token, name, until))
    except UnavailableError:
        _revoke(registry.url, token)
        raise
    tell(f"kept in {file}")
    if os.environ.get("ASSAY_TOKEN") is not None:
        tell("ASSAY_TOKEN is set and goes before it: unset it")


def _revoke(url: str, token: str) -> None:
    from assay.client import Client

    with Client(url, token) as registry:
        registry.revoke_token(token[6:22])


def _say_who(name: str, until: "datetime", *, json: bool) -> None:
    if json:
        print_json({"principal": name, "expires_at": until})
        return
    say(f"signed in as {name} until {until:%Y-%m-%d %H:%M} UTC")
