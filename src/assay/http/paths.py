"""Finding what answers a path: one step for each part, never a look at all routes.

A template is a path whose parts may be ``{name}``, which stands for one part that is not empty, and at
its end ``{name:path}``, for all that follows.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _Node(Generic[T]):
    """What may follow a beginning of paths."""

    __slots__ = ("after", "answers", "any_part", "rest")

    def __init__(self) -> None:
        self.after: dict[str, _Node[T]] = {}
        self.any_part: _Node[T] | None = None
        self.rest: _Node[T] | None = None
        self.answers: dict[str, tuple[T, tuple[str, ...]]] = {}


class Paths(Generic[T]):
    """Answers by method and template of path."""

    def __init__(self) -> None:
        """Begin without any."""
        self._root: _Node[T] = _Node()
        self._templates: dict[tuple[str, str], None] = {}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield method and template of each answer, in the order in which they were added."""
        return iter(self._templates)

    def add(self, method: str, template: str, answer: T) -> None:
        """Answer ``method`` on paths of ``template``; one that is there already is replaced."""
        self._templates[method, template] = None
        node, names = self._root, []
        for part in template.split("/"):
            if not part.startswith("{"):
                node = node.after.setdefault(part, _Node())
                continue
            name, _, kind = part[1:-1].partition(":")
            names.append(name)
            if kind:
                node.rest = node.rest or _Node()
                node = node.rest
            else:
                node.any_part = node.any_part or _Node()
                node = node.any_part
        node.answers[method] = answer, tuple(names)

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """Return what answers, and the parameters in the path; None where nothing does."""
        found = _find(self._root, path.split("/"), 0, method)
        if found is None:
            return None
        (answer, names), values = found
        return answer, dict(zip(names, values, strict=True))

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that are answered on a path, sorted."""
        return tuple(sorted(_methods(self._root, path.split("/"), 0)))


def _find(
    node: _Node[T], parts: list[str], place: int, method: str
) -> tuple[tuple[T, tuple[str, ...]], tuple[str, ...]] | None:
    """Look for an answer behind ``node``: what is written out comes before what stands for anything."""
    if place == len(parts):
        here = node.answers.get(method)
        return None if here is None else (here, ())
    part = parts[place]
    if (after := node.after.get(part)) and (found := _find(after, parts, place + 1, method)):
        return found
    if part and node.any_part and (found := _find(node.any_part, parts, place + 1, method)):
        return found[0], (part, *found[1])
    if node.rest and (here := node.rest.answers.get(method)):
        return here, ("/".join(parts[place:]),)
    return None


def _methods(node: _Node[T], parts: list[str], place: int) -> set[str]:
    if place == len(parts):
        return set(node.answers)
    part, found = parts[place], set()
    if after := node.after.get(part):
        found |= _methods(after, parts, place + 1)
    if part and node.any_part:
        found |= _methods(node.any_part, parts, place + 1)
    return found | (set(node.rest.answers) if node.rest else set())
