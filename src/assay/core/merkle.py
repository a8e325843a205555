"""The Merkle tree over a log: roots, and proofs that an entry is in it or that it only grew.

Hashing and proofs as in RFC 6962 section 2.1; verification step by step as in RFC 9162 sections
2.1.3.2 and 2.1.4.2. A *node* is the hash of a complete subtree: ``(level, place)`` covers the ``2**level``
leaves from ``place * 2**level`` on. Once its last leaf is there it never changes, so a log that keeps its
nodes answers for any of its sizes with as many of them as a number has digits.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from assay.core.errors import BadInputError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Node = tuple[int, int]
Lookup = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 over 0x00 and the entry (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node: SHA-256 over 0x01 and what is below (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over hashes of leaves; that of nothing for none."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Frontier:
    """A tree that only grows: the hashes of its complete subtrees, largest first, and nothing else."""

    def __init__(self) -> None:
        """Begin with the empty tree."""
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        place = self.size
        while place & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            place >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return _folded(self._peaks) if self._peaks else EMPTY_ROOT


def completed(place: int, leaf: bytes, lookup: Lookup) -> list[tuple[int, int, bytes]]:
    """Return the nodes that the leaf at ``place`` makes complete, itself first, as (level, place, hash).

    Args:
        place: from 0.
        leaf: its hash.
        lookup: gives the node to the left where one is needed: once for each append, on average.
    """
    found = [(0, place, leaf)]
    level = 0
    while place & 1:
        leaf = node_hash(lookup(level, place - 1), leaf)
        level, place = level + 1, place >> 1
        found.append((level, place, leaf))
    return found


def root_at(size: int, lookup: Lookup) -> bytes:
    """Return the root that a log had when it was ``size`` long.

    Raises:
        BadInputError: the size is negative.
    """
    _check("size", size, 0)
    return _range(0, size, lookup) if size else EMPTY_ROOT


def inclusion_proof(place: int, size: int, lookup: Lookup) -> tuple[bytes, ...]:
    """Return the audit path of the leaf at ``place``, from 0, in the tree of ``size`` (RFC 6962, 2.1.1).

    Raises:
        BadInputError: the tree has no such leaf.
    """
    _check("place", place, 0, size - 1)
    path = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if place < middle:
            path.append(_range(middle, stop, lookup))
            stop = middle
        else:
            path.append(_range(start, middle, lookup))
            start = middle
    return tuple(reversed(path))


def consistency_proof(first: int, second: int, lookup: Lookup) -> tuple[bytes, ...]:
    """Return what shows that the tree of ``second`` begins with that of ``first`` (RFC 6962, 2.1.2).

    Raises:
        BadInputError: not 1 <= first <= second.
    """
    _check("second", second, 1)
    _check("first", first, 1, second)
    path = []
    start, stop = 0, second
    while first != stop:
        middle = start + _split(stop - start)
        if first <= middle:
            path.append(_range(middle, stop, lookup))
            stop = middle
        else:
            path.append(_range(start, middle, lookup))
            start = middle
    if start:  # the first tree's own root is known to whoever asks, unless it is only a part of it
        path.append(_range(start, stop, lookup))
    return tuple(reversed(path))


def inclusion_problem(leaf: bytes, place: int, size: int, proof: Sequence[bytes], root: bytes) -> str:
    """Return why a proof does not show that a leaf is at ``place`` of a tree; "" when it does.

    Every value is answered for, whatever is put in (RFC 9162 section 2.1.3.2).
    """
    if not 0 <= place < size:
        return f"a log of {size} has no entry at place {place}"
    if not _are_hashes([leaf, root, *proof]):
        return "the proof holds what is no hash"
    inner, last, found = place, size - 1, leaf
    for each in proof:
        if last == 0:
            return "the proof is too long"
        if inner & 1 or inner == last:
            found = node_hash(each, found)
            while not inner & 1 and inner:
                inner, last = inner >> 1, last >> 1
        else:
            found = node_hash(found, each)
        inner, last = inner >> 1, last >> 1
    if last:
        return "the proof is too short"
    return "" if found == root else "the proof leads to another root"


def consistency_problem(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> str:
    """Return why a proof does not show that a tree only grew from ``first`` to ``second``; "" when it does.

    Every tree begins with the empty one, and with itself, for which no proof is needed (RFC 9162
    section 2.1.4.2).
    """
    if not 0 <= first <= second:
        return f"a log cannot grow from {first} to {second}"
    if not _are_hashes([first_root, second_root, *proof]):
        return "the proof holds what is no hash"
    if first in (0, second):
        return _trivial_problem(first, second, first_root, second_root, proof)
    path = list(proof)
    if first & (first - 1) == 0:  # an exact power of two
        path.insert(0, first_root)
    if not path:
        return "the proof is too short"
    return _grown_problem(first, second, (first_root, second_root), path)


def _grown_problem(first: int, second: int, roots: tuple[bytes, bytes], path: list[bytes]) -> str:
    inner, last = first - 1, second - 1
    while inner & 1:
        inner, last = inner >> 1, last >> 1
    old = new = path[0]
    for each in path[1:]:
        if last == 0:
            return "the proof is too long"
        if inner & 1 or inner == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not inner & 1 and inner:
                inner, last = inner >> 1, last >> 1
        else:
            new = node_hash(new, each)
        inner, last = inner >> 1, last >> 1
    if last:
        return "the proof is too short"
    if old != roots[0]:
        return f"the proof leads to another root at {first}"
    return "" if new == roots[1] else f"the proof leads to another root at {second}"


def _trivial_problem(first: int, second: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> str:
    if proof:
        return "the proof is too long"
    if first == second and old != new:
        return f"there are two roots at {first}"
    if first == 0 and old != EMPTY_ROOT:
        return "the root at 0 is not that of an empty log"
    return ""


def _range(start: int, stop: int, lookup: Lookup) -> bytes:
    """Return the hash over the leaves [start, stop), as one subtree of a larger tree has it."""
    peaks = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        peaks.append(lookup(level, start >> level))
        start += 1 << level
    return _folded(peaks)


def _folded(peaks: Sequence[bytes]) -> bytes:
    found = peaks[-1]
    for each in reversed(peaks[:-1]):
        found = node_hash(each, found)
    return found


def _split(count: int) -> int:
    """Return the largest power of two below ``count``, which is above 1."""
    return 1 << ((count - 1).bit_length() - 1)


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(isinstance(each, bytes) and len(each) == HASH_BYTES for each in values)


def _check(field: str, number: int, least: int, most: int | None = None) -> None:
    if number < least or (most is not None and number > most):
        rule = f"must be at least {least}" if most is None else f"must be {least} to {most}"
        if most is not None and most < least:
            rule = "is not there: the log is empty"
        raise BadInputError.of(field, rule, str(number))
