"""Names people give: models, aliases, tags, labels; and the addresses that find a version."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from assay.core.errors import BadInputError
from assay.core.semver import SemVer
from assay.core.stages import Stage

PART: Final = r"[a-z0-9][a-z0-9._-]{0,95}"
_MODEL: Final = re.compile(rf"({PART})/({PART})")
_ALIAS: Final = re.compile(r"\w[\w.-]{0,254}")
_ALIAS_RULE: Final = "must be letters, digits, _ . and -, beginning with a letter, digit or _, at most 255"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_SEMVER_LIKE: Final = re.compile(r"v?[0-9]+(\.[0-9]+)*")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/@+-]{0,127}")
LATEST: Final = "latest"
# Small letters of Cyrillic, Greek and Armenian script, and Latin ones without a dot, that look like these.
_LOOKALIKES: Final = str.maketrans(
    "\u0430\u03b1\u0251\u0441\u03f2\u0501\u0435\u0454\u03b5\u0261\u0581\u04bb\u0570\u0456\u0131\u03b9\u0458\u043a\u03ba\u04cf"
    "\u043c\u043f\u0578\u03b7\u043e\u03bf\u0585\u0440\u03c1\u0433\u0455\u0442\u03c4\u057d\u0438\u03c5\u0443\u0475\u03bd\u0445\u03c7",
    "aaaccdeeegghhiiijkklmnnnooopprsttuuuyvvxx",
)
MAX_TAG_VALUE_BYTES: Final = 400_000
MAX_DESCRIPTION_BYTES: Final = 256 * 1024
STAGE_ALIASES: Final = {stage.value.lower(): stage for stage in Stage}


class ModelName(str):
    """``team/task``; each part ``[a-z0-9][a-z0-9._-]{0,95}`` without ``..``."""

    __slots__ = ()

    def __new__(cls, text: str) -> "ModelName":
        """Check the form.

        Raises:
            BadInputError: ``text`` is no model name.
        """
        if not isinstance(text, str) or not _MODEL.fullmatch(text) or ".." in text:
            rule = "must be team/task, each part [a-z0-9][a-z0-9._-]{0,95} without '..'"
            raise BadInputError.of("model", rule, repr(text)[:100])
        return super().__new__(cls, text)

    @property
    def team(self) -> str:
        """The part before the slash."""
        return self.partition("/")[0]

    @property
    def task(self) -> str:
        """The part after the slash."""
        return self.partition("/")[2]


def reads_as_version(text: str) -> bool:
    """Tell whether a text names a version by itself: ``v2.1.0``, ``2.1.0`` or ``12``."""
    if _NUMBER.fullmatch(text):
        return True
    try:
        SemVer.parse(text)
    except BadInputError:
        return False
    return True


def looks(text: str) -> str:
    """Return what people read: small Latin letters without marks, invisible ones and spaces at the ends.

    Wide and other forms of letters look the same, and so do some of other scripts.
    """
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    seen = (each for each in parts if unicodedata.category(each) not in ("Mn", "Cf"))
    return "".join(seen).translate(_LOOKALIKES).strip()


def check_alias(text: str, *, of_prompt: bool = False) -> str:
    """Return ``text`` when it may name a movable alias.

    Args:
        text: the alias.
        of_prompt: of a model that has no stages: there the name of one is a name like every other, and
            comes back in small letters, in which it is looked for.

    Raises:
        BadInputError: bad form, a stage name, ``latest``, or something that reads as a version.
    """
    if not isinstance(text, str) or not _ALIAS.fullmatch(text) or ".." in text:
        raise BadInputError.of("alias", _ALIAS_RULE, repr(text)[:100])
    plain = looks(text)
    if of_prompt and text.lower() in STAGE_ALIASES:
        return text.lower()
    if plain in STAGE_ALIASES:
        rule = "is a stage name: moving a stage is a promotion"
        raise BadInputError.of("alias", rule, f"request one with: assay promote ... --stage {plain}")
    if plain == LATEST:
        raise BadInputError.of("alias", "latest is computed and cannot be set")
    if _SEMVER_LIKE.fullmatch(plain):
        raise BadInputError.of("alias", "must not read as a version", repr(text))
    return text


def check_tag(key: str, value: str) -> tuple[str, str]:
    """Return the pair when it may be stored as a tag.

    Raises:
        BadInputError: the key or the value breaks a rule.
    """
    check_text(key, "tag.key", limit_bytes=250, empty=False)
    if any(unicodedata.category(letter)[0] == "C" for letter in key):
        raise BadInputError.of("tag.key", "must not contain control characters", repr(key)[:100])
    return key, check_text(value, f"tag[{key[:50]}]", limit_bytes=MAX_TAG_VALUE_BYTES)


def check_label(text: str) -> str:
    """Return ``text`` when it may be a label: one short word or phrase.

    Raises:
        BadInputError: it is not.
    """
    if not isinstance(text, str) or not _LABEL.fullmatch(text):
        raise BadInputError.of("label", f"must match {_LABEL.pattern}", repr(text)[:100])
    return text


def check_text(text: str, field: str, *, limit_bytes: int, empty: bool = True) -> str:
    """Return ``text`` when it is well-formed Unicode of at most ``limit_bytes`` UTF-8 bytes.

    Raises:
        BadInputError: too long, empty where that is not allowed, NUL, or a lone surrogate.
    """
    if not isinstance(text, str):
        raise BadInputError.of(field, "must be text")
    if not text and not empty:
        raise BadInputError.of(field, "must not be empty")
    if len(text) > limit_bytes:
        raise BadInputError.of(field, f"must be at most {limit_bytes} bytes", f"{len(text)} characters")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadInputError.of(field, "must not contain NUL or lone surrogates")
    if len(text.encode()) > limit_bytes:
        raise BadInputError.of(field, f"must be at most {limit_bytes} bytes", f"{len(text.encode())} bytes")
    return text


@dataclass(frozen=True, slots=True)
class Address:
    """What finds one version: exactly one of ``semver``, ``number``, ``alias`` is set."""

    model: ModelName
    semver: SemVer | None = None
    number: int | None = None
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``team/task/v2.1.0``, ``team/task/12`` or ``team/task@alias``.

        Raises:
            BadInputError: none of the three forms.
        """
        form = "must be team/task/vX.Y.Z, team/task/NUMBER or team/task@alias"
        if not isinstance(text, str):
            raise BadInputError.of("address", form)
        name, at, alias = text.partition("@")
        if at:
            return cls.of(ModelName(name), "@" + alias)
        name, slash, version = text.rpartition("/")
        if not slash or "/" not in name:
            raise BadInputError.of("address", form, repr(text)[:120])
        return cls.of(ModelName(name), version)

    @classmethod
    def of(cls, model: ModelName, version: str) -> "Address":
        """Read the version part alone: ``v2.1.0``, ``2.1.0``, ``12`` or ``@alias``.

        Raises:
            BadInputError: none of the forms.
        """
        if version.startswith("@"):
            alias = version[1:]
            if not _ALIAS.fullmatch(alias):
                raise BadInputError.of("alias", _ALIAS_RULE, repr(alias)[:100])
            if alias.lower() in (LATEST, *STAGE_ALIASES):
                alias = alias.lower()
            return cls(model, alias=alias)
        if _NUMBER.fullmatch(version):
            return cls(model, number=int(version))
        return cls(model, semver=SemVer.parse(version))

    def __str__(self) -> str:
        if self.alias is not None:
            return f"{self.model}@{self.alias}"
        return f"{self.model}/{self.number if self.semver is None else self.semver}"
