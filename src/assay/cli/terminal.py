# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help is quick
"""What goes to the terminal: tables and documents to standard output, all else to standard error."""

import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from assay.core.errors import AssayError

if TYPE_CHECKING:
    from rich.console import Console

    from assay.client.uploading import Progress

EXIT_CODES: Final = {
    "bad_input": 2,
    "refused": 3,
    "conflict": 4,
    "not_found": 5,
    "denied": 6,
    "unavailable": 7,
}
COLOURS: Final = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "not_applicable": "dim",
    "promoted": "bold green",
    "refused": "bold red",
    "awaiting_approval": "yellow",
    "Production": "bold green",
    "Staging": "cyan",
    "Archived": "dim",
}


def console(*, error: bool = False) -> "Console":
    """Return a console; where nobody watches, lines are wide so that nothing is cut."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = shutil.get_terminal_size((100, 40)).columns if stream.isatty() else 200
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def clean(text: object) -> str:
    """Return ``text`` without control characters: what others wrote must not steer the terminal."""
    return "".join(
        letter
        if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")
        else "\N{REPLACEMENT CHARACTER}"
        for letter in str(text)
    )


def say(text: str = "", style: str = "") -> None:
    """Print a line to standard output."""
    console().print(clean(text), style=style or None)


def tell(text: str, style: str = "") -> None:
    """Print a line to standard error: progress and hints, which no program should have to read."""
    console(error=True).print(clean(text), style=style or None)


def print_json(value: Any) -> None:
    """Print a document of the registry as it came, indented."""
    import msgspec

    from assay.wire import codec

    sys.stdout.write(msgspec.json.format(codec.encode(value), indent=2).decode() + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "none"
) -> None:
    """Print rows under column names; numbers go to the right."""
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    if not rows:
        say(f"{title}: {empty}" if title else empty, style="dim")
        return
    table = Table(title=clean(title) or None, title_justify="left", title_style="bold", header_style="bold")
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value), style=COLOURS.get(str(value), "")) for value in row))
    console().print(table)


def print_pairs(title: str, items: Iterable[tuple[str, object]]) -> None:
    """Print names and values, those without a value left out."""
    from rich.table import Table
    from rich.text import Text

    if title:
        say(title, style="bold")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in items:
        if value not in (None, "", (), {}):
            table.add_row(name, Text(cell(value), style=COLOURS.get(str(value), "")))
    console().print(table)


def cell(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(cell(each) for each in value)
    return clean(value)


def size(size_bytes: int) -> str:
    """Return a number of bytes for people."""
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def print_error(error: AssayError, *, as_json: bool) -> int:
    """Print an error with every reason and the way on; return the exit code that goes with it."""
    if as_json:
        from assay.wire import codec
        from assay.wire.views import ErrorDocument

        sys.stderr.write(codec.encode(ErrorDocument.of(error)).decode() + "\n")
    else:
        sys.stderr.write(f"{error.kind.replace('_', ' ')}: {clean(error.message)}\n")
        for reason in error.reasons:
            if str(reason) != error.message:
                sys.stderr.write(f"  - {clean(reason)}\n")
        if error.hint:
            sys.stderr.write(f"hint: {clean(error.hint)}\n")
    return EXIT_CODES.get(error.kind, 1)


@contextmanager
def progress_bars() -> Iterator["Progress"]:
    """Show a bar for each file on standard error, where a person watches; yield what to call."""
    if not sys.stderr.isatty():
        from assay.client.uploading import no_progress

        yield no_progress
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console(error=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(bytes_done: int, bytes_total: int, name: str) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(clean(name), total=bytes_total)
            bars.update(tasks[name], completed=bytes_done)

        yield report


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show on standard error that something is waited for."""
    if not sys.stderr.isatty():
        tell(text)
        yield
        return
    with console(error=True).status(clean(text)):
        yield
