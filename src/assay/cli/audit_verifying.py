# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""``audit verify`` and ``audit verify-proof``: checks that need no server and believe none."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from assay.cli.connection import connect
from assay.cli.options import Json
from assay.cli.terminal import print_json, say, tell

if TYPE_CHECKING:
    from assay.client.seen_heads import Seen, SeenHeads
    from assay.core.audit import ChainReport
    from assay.core.checkpoints import Head, LogKey
    from assay.core.digests import Digest

BROKEN: Final = 3
_SEQ_HASH: Final = re.compile(r"([1-9][0-9]{0,14}):(sha256:[0-9a-f]{64})", re.ASCII)
MOST_BYTES: Final = 200_000
Forget = Annotated[
    bool, typer.Option("--forget", help="Forget the head last seen of this server, and begin anew.")
]
Key = Annotated[
    str, typer.Option("--key", metavar="KEY", help="Public key of the log, NAME+ID+BASE64 or a file with it.")
]


def verify(
    *,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An export; without it the server's log is read.")
    ] = "",
    head: Annotated[
        list[str],
        typer.Option(
            "--head",
            metavar="HEAD",
            help="A head kept elsewhere: its text, a file with it, or SEQ:HASH of an event.",
            default_factory=list,
            show_default=False,
        ),
    ],
    key: Key = "",
    forget: Forget = False,
    json: Json = False,
) -> None:
    """Verify the whole log on this machine; ends with 3 when it is not what was written."""
    from assay.core.errors import BadInputError

    kept, hashes = _heads(head)
    trusted = _key(key) if key else None
    report = _of_file(file, trusted, kept, hashes) if file else _of_server(trusted, kept, hashes, forget)
    if report.whole and not report.event_count and not report.head_count:
        # Nothing was compared with anything: that must not pass for a log that was verified.
        raise BadInputError.of("export", "must hold an event, or a signed head over none", file[:200])
    if json:
        print_json(report)
    else:
        _show(report)
    if not report.whole:
        if not file:
            tell("is it another registry than the one last seen at this address? assay audit verify --forget")
        raise typer.Exit(BROKEN)


def verify_proof(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A proof, as audit prove writes it.")],
    key: Key = "",
    json: Json = False,
) -> None:
    """Verify on this machine that an event is in the log of a signed head; ends with 3 when it is not."""
    from assay.client.seen_heads import verify_signature
    from assay.core.audit_files import check_proof

    report = check_proof(_text(file, "proof"), _key(key) if key else None, verify_signature)
    if json:
        print_json(report)
    elif report.holds:
        say(
            f"event {report.seq} is in the log {report.head.origin} of {report.head.size} events",
            "bold green",
        )
        for name in ("at", "actor", "verb", "subject", "before", "after"):
            say(f"  {name}: {report.event.get(name)}")
        if not report.key_known:
            say("not verified: any signature: no key is known (--key)")
    else:
        say(f"broken: {report.problem}", style="bold red")
    if not report.holds:
        raise typer.Exit(BROKEN)


def remember(seen: "SeenHeads", found: "Seen") -> None:
    """Keep a head for the next time; where that cannot be, say so and go on."""
    from assay.core.errors import UnavailableError

    try:
        seen.keep(found)
    except UnavailableError as error:
        tell(f"not remembered: {error.message}", style="yellow")


def _of_file(
    file: str, key: "LogKey | None", kept: "list[tuple[str, Head]]", hashes: "dict[int, Digest]"
) -> "ChainReport":
    """Verify an export.

    Raises:
        BadInputError: the file cannot be read, or a line of it.
    """
    from assay.client.seen_heads import verify_signature
    from assay.core.audit_judging import Claims, judge_log
    from assay.wire.audit_lines import read_export, split_lines

    export = read_export(split_lines(_pieces(file)), file)
    claims = Claims(key, export.key, export.heads, tuple(kept), hashes)
    return judge_log(export.events, claims, verify_signature)


def _of_server(
    key: "LogKey | None", kept: "list[tuple[str, Head]]", hashes: "dict[int, Digest]", forget: bool
) -> "ChainReport":
    from assay.client.seen_heads import Seen, SeenHeads, verify_signature
    from assay.core.audit_judging import Claims, judge_log
    from assay.core.checkpoints import read_head, read_key
    from assay.wire.audit_lines import read_export, split_lines

    with connect() as registry:
        seen = SeenHeads()
        if forget:
            seen.forget(registry.url)
        before = seen.last(registry.url)
        if before:
            kept = [*kept, ("the head last seen of this server", read_head(before.head))]
            key = key or read_key(before.key)
        export = read_export(split_lines(registry.export_audit()), registry.url)
        claims = Claims(key, export.key, export.heads, tuple(kept), hashes)
        report = judge_log(export.events, claims, verify_signature)
        # An export may show its heads in any order, and only old ones: what was seen is not forgotten.
        farthest = max(export.heads, key=lambda head: head.size, default=None)
        known = read_head(before.head).size if before else 0
        if report.whole and export.key and farthest and farthest.size >= known:
            remember(seen, Seen(registry.url, str(export.key), farthest.note))
    return report


def _show(report: "ChainReport") -> None:
    if not report.whole:
        say(f"broken: {report.problem}", style="bold red")
        if report.problem_seq is not None:
            say(f"the first bad event: {report.problem_seq}")
        return
    say(f"whole: {report.event_count} events", style="bold green")
    for words in report.verified:
        say(f"verified: {words}")
    for words in report.unverified:
        say(f"not verified: {words}")
    say(f"head {report.event_count}:{report.head}")
    tell("keep a signed head elsewhere: assay audit head --save FILE; later: assay audit verify --head FILE")


def _heads(given: list[str]) -> "tuple[list[tuple[str, Head]], dict[int, Digest]]":
    """Return the signed heads and the hashes of events that were kept elsewhere.

    Raises:
        BadInputError: one is neither a head, nor a file with one, nor SEQ:HASH.
    """
    from assay.core.checkpoints import read_head
    from assay.core.digests import Digest

    kept, hashes = [], {}
    for text in given:
        match = _SEQ_HASH.fullmatch(text)
        if match:
            hashes[int(match[1])] = Digest(match[2])
        else:
            said = f"the head kept in {text}" if "\n" not in text else "a head kept elsewhere"
            kept.append((said, read_head(text if "\n" in text else _text(text, "head"))))
    return kept, hashes


def _key(text: str) -> "LogKey":
    """Return the key that a text or a file names.

    Raises:
        BadInputError: it is none, or the file cannot be read.
    """
    from pathlib import Path

    from assay.core.checkpoints import read_key

    return read_key(_text(text, "key") if "+" not in text or Path(text).is_file() else text)


def _text(file: str, field: str) -> str:
    """Return what a small file holds.

    Raises:
        BadInputError: it cannot be read, is too large, or is no text.
    """
    from assay.core.errors import BadInputError

    content = b""
    for piece in _pieces(file, field):
        content += piece
        if len(content) > MOST_BYTES:
            raise BadInputError.of(field, f"must be a file of at most {MOST_BYTES} bytes", file[:200])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError.of(field, "must be text in UTF-8", file[:200]) from error


def _pieces(file: str, field: str = "file") -> Iterator[bytes]:
    from pathlib import Path

    from assay.core.errors import BadInputError

    try:
        with Path(file).open("rb") as content:
            while piece := content.read(1 << 16):
                yield piece
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInputError.of(field, "must be readable", f"{file[:200]}: {reason}") from error
