"""The table ``[sign_in]`` of the settings: where each value may come from, and what it may be."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from assay.core.errors import BadInputError
from assay.core.id_tokens import SAFE_ALGORITHMS
from assay.core.sign_in import SignInRules, check_issuer

TABLE: Final = "sign_in"
PREFIX: Final = "ASSAY_SIGN_IN_"
_NUMBERS: Final = {"hours": (0.05, 24.0 * 7), "idle_minutes": (1.0, 24.0 * 60)}


def read_sign_in(environ: Mapping[str, str], table: Any) -> SignInRules:
    """Return the rules: defaults, then the table of the file, then ``ASSAY_SIGN_IN_*``.

    The client's secret comes from the environment or from a file of its own; in ``assay.toml``, which is
    read by many, it is refused.

    Raises:
        BadInputError: an unknown key, a value of the wrong type or out of range, or half a provider.
    """
    names = [each.name for each in fields(SignInRules)]
    if not isinstance(table, dict):
        raise BadInputError.of(TABLE, "must be a table", repr(table)[:60])
    unknown = sorted(set(table) - set(names))
    if unknown:
        known = "known: " + ", ".join(names)
        raise BadInputError.of(f"{TABLE}.{unknown[0]}", "unknown setting", known)
    if "client_secret" in table:
        rule = "must come from ASSAY_SIGN_IN_CLIENT_SECRET, or from the file client_secret_file"
        raise BadInputError.of(f"{TABLE}.client_secret", rule)
    found = dict(table)
    found |= {name: environ[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in environ}
    rules = replace(SignInRules(), **{name: _value(name, value) for name, value in found.items()})
    if rules.client_secret_file and not rules.client_secret:
        rules = replace(rules, client_secret=_secret(rules.client_secret_file))
    _check(rules)
    return rules


def _check(rules: SignInRules) -> None:
    for url in (rules.issuer, *rules.ci_issuers.split()):
        if url:
            check_issuer(url, f"{TABLE}.issuer" if url == rules.issuer else f"{TABLE}.ci_issuers")
    if bool(rules.issuer) != bool(rules.client_id):
        raise BadInputError.of(f"{TABLE}.client_id", "must be given with issuer, and only with it")
    algorithms = rules.algorithms.split()
    if not algorithms or not SAFE_ALGORITHMS.issuperset(algorithms):
        rule = "must be of " + ", ".join(sorted(SAFE_ALGORITHMS))
        raise BadInputError.of(f"{TABLE}.algorithms", rule, rules.algorithms[:100])
    if "openid" not in rules.scopes.split():
        raise BadInputError.of(f"{TABLE}.scopes", "must have openid among them", rules.scopes[:100])
    for name, (least, most) in _NUMBERS.items():
        if not least <= getattr(rules, name) <= most:
            raise BadInputError.of(f"{TABLE}.{name}", f"must be {least:g} to {most:g}")


def _value(name: str, value: Any) -> Any:
    place = f"{TABLE}.{name}"
    if name in _NUMBERS:
        return _number(place, value)
    if name == "create_people":
        words = {"true": True, "false": False}
        if isinstance(value, bool):
            return value
        if value in words:
            return words[value]
        raise BadInputError.of(place, "must be true or false", repr(value)[:60])
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = " ".join(value)
    if not isinstance(value, str) or not (value.isprintable() or not value) or len(value) > 2000:
        raise BadInputError.of(place, "must be text", "" if name == "client_secret" else repr(value)[:60])
    return value.strip()


def _number(place: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise BadInputError.of(place, "must be a number", repr(value)[:60])
    return number


def _secret(file: str) -> str:
    place = f"{TABLE}.client_secret_file"
    try:
        text = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError.of(place, "must be a file that can be read", type(error).__name__) from error
    if not text or not text.isprintable() or len(text) > 2000:
        raise BadInputError.of(place, "must hold the secret in one line")
    return text
