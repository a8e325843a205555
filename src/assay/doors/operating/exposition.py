"""Prometheus' text format, version 0.0.4: families of samples, each with labels.

Written by hand: the client library would cost the start of every server more than all its doors, and the
path of every request more than it takes to count it. A test reads it back with that library's own parser.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One number.

    Attributes:
        value: of it.
        labels: name -> value.
        suffix: behind the family's name.
    """

    value: float
    labels: Mapping[str, str]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one meaning; ``kind`` is ``counter``, ``gauge`` or ``histogram``."""

    name: str
    kind: str
    words: str
    samples: tuple[Sample, ...]

    @classmethod
    def by(cls, name: str, kind: str, words: str, label: str, values: Mapping[str, float]) -> "Family":
        """Return a family with one label."""
        return cls(
            name, kind, words, tuple(Sample(value, {label: key}) for key, value in sorted(values.items()))
        )

    @classmethod
    def one(cls, name: str, kind: str, words: str, value: float) -> "Family":
        """Return a family of one sample without labels."""
        return cls(name, kind, words, (Sample(value, {}),))


def exposition(families: Iterable[Family]) -> bytes:
    """Return all of them in the text format; families without samples are left out."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_escaped(family.words)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [
            f"{family.name}{each.suffix}{_labels(each.labels)} {_number(each.value)}"
            for each in family.samples
        ]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = ",".join(
        f'{name}="{_escaped(value).replace(chr(34), chr(92) + chr(34))}"' for name, value in labels.items()
    )
    return f"{{{pairs}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
