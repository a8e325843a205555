"""How browsers and jobs reach the server, as far as signing in depends on it."""

from dataclasses import replace

from assay.app.settings import Settings
from assay.core.errors import BadInputError
from assay.core.sign_in import SignInRules
from assay.http.guard import host_of, is_loopback


def reached_at(settings: Settings) -> SignInRules:
    """Return the rules of signing in with what the identity tokens of jobs have to be for.

    The audience is this server and no other: a token that was made for another registry is no good here.
    """
    rules = settings.sign_in
    local = f"http://{settings.host}:{settings.port}" if is_loopback(settings.host) else ""
    return replace(rules, ci_audience=rules.ci_audience or settings.public_url or local)


def check_reached(settings: Settings) -> None:
    """Check that a browser can come back from the provider, and that nobody reads its session on the way.

    Raises:
        BadInputError: people sign in with a provider, and there is no address to come back to, or it is
            not https although others can reach it.
    """
    if not settings.sign_in.issuer:
        return
    url = settings.public_url
    if not url and not is_loopback(settings.host):
        rule = "must be set where people sign in with a provider: they come back to it"
        raise BadInputError.of("public_url", rule)
    if url and not url.startswith("https:") and not is_loopback(host_of(url)):
        raise BadInputError.of("public_url", "must be https where people sign in with a provider", url)
