"""Settings: what an operator can set, and where it is read from."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from assay.core.errors import BadInputError
from assay.core.object_places import object_place
from assay.core.webhook_targets import check_trusted_host

CONFIG_FILE: Final = "assay.toml"
_URL: Final = re.compile(
    r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set: defaults, then ``assay.toml``, then ``ASSAY_*``, then arguments.

    Attributes:
        host: address to bind.
        port: port to bind.
        data: folder of database, blobs and model environments.
        auth: ``local`` lets requests from this machine without a token act as admin; ``required``
            wants a token from everybody. Any bind or public URL but loopback needs ``required``.
        workers: worker processes started with the server.
        webhook_hosts: hosts that webhooks may reach although they are not public, also by plain http;
            a list, or text with commas between.
        public_url: how clients reach the server where that is not as it is bound, e.g. through a proxy:
            ``https://models.example.org/registry``; addresses that the server gives to clients begin so.
        blobs: where files are kept: a folder, or ``s3://BUCKET/PREFIX``, ``gs://BUCKET/PREFIX``,
            ``az://CONTAINER/PREFIX``; nothing for the folder ``blobs`` of the data folder.
        redirect_downloads: whether downloads are answered with a presigned address of the object store:
            ``off``; ``asked`` for clients that ask for it, as Assay's own do, and check what they get;
            ``all`` for every client.
    """

    host: str = "127.0.0.1"
    port: int = 8640
    data: Path = Path("assay-data")
    auth: str = "local"
    workers: int = 1
    webhook_hosts: tuple[str, ...] = ()
    public_url: str = ""
    blobs: str = ""
    redirect_downloads: str = "off"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            BadInputError: a value is out of range.
        """
        if not 0 <= self.port <= 65535:
            raise BadInputError.of("port", "must be 0 to 65535", str(self.port))
        if self.auth not in ("local", "required"):
            raise BadInputError.of("auth", "must be local or required", repr(self.auth))
        if self.redirect_downloads not in ("off", "asked", "all"):
            rule = "must be off, asked or all"
            raise BadInputError.of("redirect_downloads", rule, repr(self.redirect_downloads)[:60])
        object_place(self.blobs)
        if not 0 <= self.workers <= 64:
            raise BadInputError.of("workers", "must be 0 to 64", str(self.workers))

    @property
    def environments(self) -> Path:
        """Where model environments are kept."""
        return self.data / "environments"

    @property
    def seal_key(self) -> Path:
        """The key under which secrets are kept."""
        return self.data / "seal.key"

    @property
    def scratch(self) -> Path:
        """Where jobs do their work."""
        return self.data / "scratch"


def read_settings(environ: Mapping[str, str], file: Path = Path(CONFIG_FILE), **given: Any) -> Settings:
    """Gather the settings; ``given`` values of None are left out.

    Raises:
        BadInputError: the file cannot be read, an unknown key in it, or a value of the wrong type
            or out of range.
    """
    names = [each.name for each in fields(Settings)]
    found: dict[str, Any] = {}
    if file.exists():
        try:
            found = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise BadInputError.of(str(file), "must be a TOML file", str(error)) from error
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise BadInputError.of(f"{file}: {unknown[0]}", "unknown setting", "known: " + ", ".join(names))
    found |= {name: environ[f"ASSAY_{name.upper()}"] for name in names if f"ASSAY_{name.upper()}" in environ}
    found |= {name: value for name, value in given.items() if value is not None}
    read: dict[str, Callable[[str, Any], Any]]
    read = {"port": _whole, "workers": _whole, "host": _text, "auth": _text, "data": _path}
    read |= {"webhook_hosts": _hosts, "public_url": _url, "blobs": _blobs, "redirect_downloads": _text}
    return replace(Settings(), **{name: read[name](name, value) for name, value in found.items()})


def _whole(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    raise BadInputError.of(name, "must be a whole number", repr(value)[:60])


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadInputError.of(name, "must be text and not empty", repr(value)[:60])
    return value


def _blobs(name: str, value: Any) -> str:
    return "" if value == "" else _text(name, value)


def _path(name: str, value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_text(name, value))


def _url(name: str, value: Any) -> str:
    """Return a URL without a slash at its end, to which paths are added."""
    text = _text(name, value)
    match = _URL.fullmatch(text)
    if match is None or not 1 <= int(match["port"] or 1) <= 65535 or ".." in match["path"]:
        rule = "must be http(s)://HOST[:PORT][/PATH], without user name, query or fragment"
        raise BadInputError.of(name, rule, repr(text)[:100])
    return text.rstrip("/")


def _hosts(name: str, value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(each, str) for each in listed):
        raise BadInputError.of(name, "must be a list of host names or addresses", repr(value)[:60])
    return tuple(check_trusted_host(each.strip()) for each in listed if each.strip())
