"""Settings: what an operator can set, and where it is read from."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from assay.app.logs import FORMATS, LEVELS
from assay.app.sign_in_settings import PREFIX, TABLE, read_sign_in
from assay.core.errors import BadInputError
from assay.core.object_places import ObjectPlace, object_place
from assay.core.sign_in import SignInRules
from assay.core.webhook_targets import check_trusted_host

CONFIG_FILE: Final = "assay.toml"
DATABASE_FILE: Final = "assay.db"
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "log_format": FORMATS,
    "log_level": LEVELS,
    "metrics": ("protected", "open"),
    "redirect_downloads": ("off", "asked", "all"),
}
_MOST: Final[Mapping[str, int]] = {
    "shutdown_s": 3600,
    "drain_s": 600,
    "rate_limit": 10**6,
    "rate_burst": 10**6,
    "max_upload_bytes": 2**62,
}
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
        database: where records are kept: SQLite in the data folder when left out, else PostgreSQL:
            ``postgresql://USER@HOST:PORT/DATABASE``, as libpq knows it (``sslmode`` and other parameters,
            ``service``); the password better comes from ``PGPASSWORD`` or ``~/.pgpass``.
        public_url: how clients reach the server where that is not as it is bound, e.g. through a proxy:
            ``https://models.example.org/registry``; addresses that the server gives to clients begin so.
        audit_key: file with the Ed25519 key that heads of the audit log are signed with, in PEM; all replicas
            need the same. Without it ``audit.key`` in the data folder, which is made when it is missing.
        sign_in: how people sign in with an identity provider, and which CI services are trusted: the
            table ``[sign_in]``, or ``ASSAY_SIGN_IN_*``.
        ray: the Ray cluster on which workers run checks: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``;
            without it they run on the worker's own machine.
        ray_cpus: processors that each check asks of a node of that cluster.
        ray_memory_mb: memory that each check asks of a node, in MiB; 0 asks for none.
        log_format: ``text`` for people, or ``json``: one object a line.
        log_level: the least that is logged: ``debug``, ``info`` (among it every request but probes),
            ``warning`` or ``error``.
        metrics: who may read ``/metrics``: ``protected`` wants a caller who may read every model, which
            on a server of this machine alone everybody at it is; ``open`` wants nothing.
        rate_limit: requests a second that one caller may send in the long run, a principal or, without
            one, an address; 0 for any number. Who acts as ``local`` without a token is not counted.
        rate_burst: requests that one caller may send at once.
        max_upload_bytes: no file that is uploaded may be larger; 0 for any size.
        shutdown_s: seconds that requests under way, uploads among them, may take after a SIGTERM.
        drain_s: seconds after a SIGTERM in which everybody is still answered, while ``/readyz`` sends
            balancers elsewhere; 0 where none asks it.
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
    audit_key: Path | None = None
    sign_in: SignInRules = SignInRules()  # noqa: RUF009 - it is frozen
    ray: str = ""
    ray_cpus: int = 1
    ray_memory_mb: int = 4096
    log_format: str = "text"
    log_level: str = "info"
    metrics: str = "protected"
    rate_limit: int = 1000
    rate_burst: int = 5000
    max_upload_bytes: int = 0
    shutdown_s: int = 60
    drain_s: int = 0
    database: str = field(default="", repr=False)
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
        object_place(self.blobs)
        if not 0 <= self.workers <= 64:
            raise BadInputError.of("workers", "must be 0 to 64", str(self.workers))
        if not 1 <= self.ray_cpus <= 1024:
            raise BadInputError.of("ray_cpus", "must be 1 to 1024", str(self.ray_cpus))
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                rule = "must be " + " or ".join(choices)
                raise BadInputError.of(name, rule, repr(getattr(self, name))[:60])
        if self.rate_limit and not self.rate_burst:
            raise BadInputError.of("rate_burst", "must be at least 1 where there is a rate_limit", "0")
        for name, most in _MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise BadInputError.of(name, f"must be 0 to {most}", str(getattr(self, name)))

    @property
    def database_url(self) -> str:
        """The address of the database; it may hold a password."""
        return self.database or f"sqlite:///{(self.data / DATABASE_FILE).absolute()}"

    @property
    def database_shown(self) -> str:
        """The database's address without user, password and parameters; for SQLite its file."""
        if not self.database:
            return str(self.data / DATABASE_FILE)
        scheme, _, rest = self.database.partition("://")
        place, slash, path = rest.partition("?")[0].partition("/")
        return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"

    @property
    def blobs_at(self) -> ObjectPlace | Path:
        """Where the files are: a place in an object store, or a folder."""
        return object_place(self.blobs) or (Path(self.blobs) if self.blobs else self.data / "blobs")

    @property
    def environments(self) -> Path:
        """Where model environments are kept."""
        return self.data / "environments"

    @property
    def seal_key(self) -> Path:
        """The key under which secrets are kept."""
        return self.data / "seal.key"

    @property
    def audit_key_file(self) -> Path:
        """The key that heads of the audit log are signed with."""
        return self.audit_key or self.data / "audit.key"

    @property
    def scratch(self) -> Path:
        """Where jobs do their work."""
        return self.data / "scratch"


def read_settings(
    environ: Mapping[str, str], file: Path | None = Path(CONFIG_FILE), **given: Any
) -> Settings:
    """Gather the settings; ``given`` values of None are left out, and no file is read with None for it.

    Raises:
        BadInputError: the file cannot be read, an unknown key in it, or a value of the wrong type
            or out of range.
    """
    names = [each.name for each in fields(Settings)]
    found: dict[str, Any] = {}
    if file is not None and file.exists():
        try:
            found = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise BadInputError.of(str(file), "must be a TOML file", str(error)) from error
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise BadInputError.of(f"{file}: {unknown[0]}", "unknown setting", "known: " + ", ".join(names))
    rules = read_sign_in(environ, found.pop(TABLE, {}))
    names.remove(TABLE)
    found |= {name: environ[f"ASSAY_{name.upper()}"] for name in names if f"ASSAY_{name.upper()}" in environ}
    found |= {name: value for name, value in given.items() if value is not None}
    read: dict[str, Callable[[str, Any], Any]]
    read = {"port": _whole, "workers": _whole, "host": _text, "auth": _text, "data": _path}
    read |= {"webhook_hosts": _hosts, "public_url": _url, "audit_key": _path}
    read |= {"ray": _text, "ray_cpus": _whole, "ray_memory_mb": _whole}
    read |= dict.fromkeys(_CHOICES, _text) | dict.fromkeys(_MOST, _whole)
    read |= {"database": _database, "blobs": _blobs}
    return replace(
        Settings(sign_in=rules), **{name: read[name](name, value) for name, value in found.items()}
    )


def log_format_wanted(environ: Mapping[str, str], file: Path = Path(CONFIG_FILE)) -> str:
    """Return how a program logs whose settings may be unusable, as far as that can be found out."""
    try:
        said = environ.get("ASSAY_LOG_FORMAT") or tomllib.loads(file.read_text("utf-8")).get("log_format")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        said = None
    known = _CHOICES["log_format"]
    return said if isinstance(said, str) and said in known else known[0]


def as_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment from which :func:`read_settings` reads these very settings, without a file.

    How people sign in is left out: only servers are told.

    Args:
        settings: what a process started with this environment is to have.
        environ: what else it gets; other settings in it are left out.
    """
    standard = Settings()
    values = {each.name: getattr(settings, each.name) for each in fields(Settings) if each.name != TABLE}
    names = {f"ASSAY_{name.upper()}" for name in values}
    changed = {name: value for name, value in values.items() if value != getattr(standard, name)}
    said = {f"ASSAY_{name.upper()}": _written(value) for name, value in changed.items()}
    others = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    return {name: value for name, value in others.items() if name not in names} | said


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple | list | frozenset) else str(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
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


def _database(name: str, value: Any) -> str:
    """Return the address; what is wrong with it is said without it, because it may hold a password."""
    if value == "":
        return ""
    if not isinstance(value, str) or "\0" in value or not value.startswith(("postgresql://", "postgres://")):
        raise BadInputError.of(name, "must be postgresql://..., or empty for SQLite in the data folder")
    return value


def _hosts(name: str, value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(each, str) for each in listed):
        raise BadInputError.of(name, "must be a list of host names or addresses", repr(value)[:60])
    return tuple(check_trusted_host(each.strip()) for each in listed if each.strip())
