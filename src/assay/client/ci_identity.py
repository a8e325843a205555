"""The identity token of the CI job that this process runs in, from the environment of its service."""

import os
from collections.abc import Mapping
from typing import Final

import httpx

from assay.core.errors import BadInputError, UnavailableError

READY: Final = "ASSAY_ID_TOKEN"
GITHUB_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
GITHUB_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


def in_ci(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether there is an identity token to be had."""
    return bool(environ.get(READY) or environ.get(GITHUB_URL))


def identity_token(
    audience: str, environ: Mapping[str, str] = os.environ, transport: httpx.BaseTransport | None = None
) -> str:
    """Return an identity token for ``audience``.

    GitHub gives one when asked (its documentation, "OpenID Connect reference"); GitLab puts it into a
    variable that the job names, here ``ASSAY_ID_TOKEN``.

    Raises:
        BadInputError: this is no job that may ask for one.
        UnavailableError: the CI service does not give it.
    """
    if environ.get(READY):
        return environ[READY]
    url, token = environ.get(GITHUB_URL, ""), environ.get(GITHUB_TOKEN, "")
    if not url or not token:
        rule = "must be set: this is no CI job that may ask for an identity token"
        detail = "GitHub: permissions: id-token: write; GitLab: id_tokens: ASSAY_ID_TOKEN"
        raise BadInputError.of(READY, rule, detail)
    try:
        with httpx.Client(timeout=30.0, transport=transport) as http:
            address = httpx.URL(url).copy_merge_params({"audience": audience})
            answer = http.get(address, headers={"Authorization": f"Bearer {token}"})
            value = answer.json().get("value") if answer.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
        raise UnavailableError(f"GitHub gives no identity token ({type(error).__name__})") from error
    if not isinstance(value, str) or not value:
        raise UnavailableError(f"GitHub gives no identity token (HTTP {answer.status_code})")
    return value
