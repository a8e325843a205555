"""The words of a filter: names, texts, numbers, operators, brackets, and what is none of them.

What ends a quoted text, and which names may stand without quotes, is as clients of MLflow write it: a
quote inside a text is doubled or follows a backslash, and both stay as they are written.
"""

import ast
import re
from dataclasses import dataclass
from typing import Final

MAX_TOKENS: Final = 20_000
KEYWORDS: Final = frozenset(
    {"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ILIKE", "RLIKE", "REGEXP", "BETWEEN", "TRUE", "FALSE"}
)
WORD: Final = r"[^\W\d]\w*"
SINGLE: Final = r"'(?:''|\\'|[^'])*'"
DOUBLE: Final = r'"(?:""|\\"|[^"])*"'
BACKTICKS: Final = r"`(?:``|[^`])*`"
_PART: Final = rf"(?:{BACKTICKS}|{DOUBLE}|{SINGLE}|\[[^\[\]]+\]|\*|\d*{WORD}(?:\([^()]*\))?)"
NAME: Final = rf"(?:{BACKTICKS}|{DOUBLE}|{WORD})(?:\.(?:\s*{_PART})?)+"
# A sum cannot stand on the left of a comparison, but says better what is wrong than its parts would.
_TERM: Final = rf"(?!(?i:AND|OR|NOT|IN|IS|NULL|LIKE|ILIKE|RLIKE|REGEXP|BETWEEN)\b)(?:{NAME}|{WORD})"
_LINE_COMMENT: Final = r"(?:--|\#\s)[^\r\n]*"
_ONE_TOKEN: Final = rf"""\s*(?:
    (?P<comment>COMMENT)
    |(?P<sum>{_TERM}(?:\s*[-+*/\#^&|%]\s*(?:{_TERM}|\d[\w.]*))+)
    |(?P<name>{NAME}|{BACKTICKS})
    |(?P<text>{SINGLE})
    |(?P<quoted>{DOUBLE})
    |(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<word>{WORD}|\d\w*)
    |(?P<operator>[<>=!~]+)
    |(?P<bracket>[()])
    |(?P<comma>,)
    |(?P<other>\S)
    )"""
_TOKEN: Final = re.compile(
    _ONE_TOKEN.replace("COMMENT", rf"{_LINE_COMMENT}|/\*.*?\*/"), re.VERBOSE | re.DOTALL
)
# Behind the last "*/" no comment can end, and each "/*" would look for it up to the end of the text.
_LATE_TOKEN: Final = re.compile(_ONE_TOKEN.replace("COMMENT", _LINE_COMMENT), re.VERBOSE | re.DOTALL)
_ESCAPE: Final = re.compile(
    r"\\(?:[\\'\"abfnrtv]|[0-3]?[0-7]{1,2}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5})"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a filter.

    Attributes:
        kind: ``name`` (with a dot, or in backticks), ``word``, ``text`` (in single quotes), ``quoted`` (in
            double quotes), ``number``, ``operator``, ``bracket``, ``comma``, ``sum`` (``a-b``), ``comment``,
            ``other``.
        start, end: where it stands in the filter.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The keyword that it is, in capitals; "" for none."""
        word = self.text.upper() if self.kind == "word" else ""
        return word if word in KEYWORDS else ""


def tokens(text: str) -> list[Token]:
    """Return the words of a filter; a character that belongs to no word is one of its own.

    Of more than :data:`MAX_TOKENS` there is one too many, so that a caller can tell.
    """
    found: list[Token] = []
    place, last_end = 0, text.rfind("*/")
    while len(found) <= MAX_TOKENS:
        match = (_TOKEN if place < last_end else _LATE_TOKEN).match(text, place)
        if match is None:
            break  # nothing but blanks
        kind, place = match.lastgroup or "other", match.end()
        found.append(Token(kind, match[kind], match.start(kind), match.end(kind)))
    return found


def unquoted(text: str) -> str:
    """Return what stands between quotes or backticks, or the text itself."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`":
        return text[1:-1]
    return text


def listed(text: str) -> str:
    r"""Return what a quoted text in a list means: lists are read as Python reads its literals.

    So a doubled quote ends one text and begins the next, which are joined, and ``\n`` is a new line.
    """
    quote = text[0]
    parts = re.findall(rf"{quote}((?:\\.|[^{quote}\\])*){quote}", text, re.DOTALL)
    if not parts:
        return unquoted(text)
    return "".join(_ESCAPE.sub(lambda each: str(ast.literal_eval(f'"{each[0]}"')), part) for part in parts)
