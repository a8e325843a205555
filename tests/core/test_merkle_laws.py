"""The Merkle tree: the RFC's vectors, and proofs that hold where they should and nowhere else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInputError
from assay.core.merkle import (
    EMPTY_ROOT,
    Frontier,
    completed,
    consistency_problem,
    consistency_proof,
    inclusion_problem,
    inclusion_proof,
    leaf_hash,
    root_at,
    root_of,
)

ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
# Of the first 1 to 8 entries; the first leaf and the last root are those of the reference.
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MOST = 40


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def split(count):
    k = 1
    while k * 2 < count:
        k *= 2
    return k


# RFC 6962 section 2.1, word for word and a second time.
def mth(d):
    if not d:
        return sha(b"")
    if len(d) == 1:
        return sha(b"\0", d[0])
    k = split(len(d))
    return sha(b"\1", mth(d[:k]), mth(d[k:]))


def path(m, d):
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m, d, whole):
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def entries(count):
    return [b"%d" % number for number in range(count)]


def grown(count):
    """Return the nodes that a store has after so many appends."""
    nodes = {}
    for place, entry in enumerate(entries(count)):
        for level, at, found in completed(place, leaf_hash(entry), lambda level, at: nodes[level, at]):
            assert (level, at) not in nodes
            nodes[level, at] = found
    return lambda level, at: nodes[level, at]


LOOKUP = grown(MOST)


def test_the_vectors_of_the_reference_hold():
    leaves = [leaf_hash(bytes.fromhex(each)) for each in ENTRIES]
    assert root_of([]) == EMPTY_ROOT == sha(b"")
    assert [root_of(leaves[: count + 1]).hex() for count in range(8)] == ROOTS


def test_roots_and_proofs_are_those_that_the_rfc_defines():
    for size in range(MOST + 1):
        d = entries(size)
        assert root_at(size, LOOKUP) == root_of(map(leaf_hash, d)) == mth(d)
        for place in range(size):
            assert list(inclusion_proof(place, size, LOOKUP)) == path(place, d)
        for first in range(1, size + 1):
            assert list(consistency_proof(first, size, LOOKUP)) == subproof(first, d, True)


def test_every_proof_verifies():
    roots = [root_at(size, LOOKUP) for size in range(MOST + 1)]
    for size in range(1, MOST + 1):
        for place in range(size):
            proof = inclusion_proof(place, size, LOOKUP)
            assert inclusion_problem(LOOKUP(0, place), place, size, proof, roots[size]) == ""
        for first in range(1, size + 1):
            proof = consistency_proof(first, size, LOOKUP)
            assert consistency_problem(first, size, roots[first], roots[size], proof) == ""
        assert consistency_problem(0, size, EMPTY_ROOT, roots[size], ()) == ""


def changes(proof):
    """Every way of changing a proof a little."""
    for place, each in enumerate(proof):
        yield [*proof[:place], sha(each), *proof[place + 1 :]]
        yield [*proof[:place], *proof[place + 1 :]]
        yield [*proof[:place], each, *proof[place:]]
        if place and proof[place - 1] != each:
            yield [*proof[: place - 1], each, proof[place - 1], *proof[place + 1 :]]
    yield [*proof, sha(b"more")]
    yield [sha(b"more"), *proof]


@pytest.mark.parametrize("size", range(1, 18))
def test_every_changed_inclusion_proof_fails(size):
    root = root_at(size, LOOKUP)
    for place in range(size):
        leaf, proof = LOOKUP(0, place), list(inclusion_proof(place, size, LOOKUP))
        for changed in changes(proof):
            assert inclusion_problem(leaf, place, size, changed, root)
        assert inclusion_problem(sha(leaf), place, size, proof, root)
        assert inclusion_problem(leaf, place, size, proof, sha(root))
        for other in range(-1, size + 2):
            if other != place:
                assert inclusion_problem(leaf, other, size, proof, root)


@pytest.mark.parametrize("size", range(2, 18))
def test_every_changed_consistency_proof_fails(size):
    new = root_at(size, LOOKUP)
    for first in range(1, size):
        old, proof = root_at(first, LOOKUP), list(consistency_proof(first, size, LOOKUP))
        for changed in changes(proof):
            assert consistency_problem(first, size, old, new, changed)
        assert consistency_problem(first, size, sha(old), new, proof)
        assert consistency_problem(first, size, old, sha(new), proof)
        for other in range(-1, size + 2):
            if other not in (first, 0):  # the empty log begins every log
                assert consistency_problem(other, size, old, new, proof)
    assert consistency_problem(size, size, new, sha(new), ())
    assert consistency_problem(size, size, new, new, (new,))
    assert consistency_problem(0, size, new, new, ())


@given(st.data())
def test_a_proof_for_one_size_is_none_for_another_root(data):
    size = data.draw(st.integers(1, MOST))
    place = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(1, MOST).filter(lambda each: each != size))
    proof = inclusion_proof(place, size, LOOKUP)
    assert inclusion_problem(LOOKUP(0, place), place, size, proof, root_at(other, LOOKUP))


HASHES = st.lists(st.one_of(st.binary(max_size=40), st.binary(min_size=32, max_size=32)), max_size=70)
NUMBERS = st.integers(-(2**70), 2**70)


@given(st.binary(max_size=40), NUMBERS, NUMBERS, HASHES, st.binary(max_size=40))
def test_whatever_is_put_in_there_is_an_answer(leaf, one, two, proof, root):
    assert isinstance(inclusion_problem(leaf, one, two, proof, root), str)
    assert isinstance(consistency_problem(one, two, leaf, root, proof), str)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: inclusion_proof(0, 0, LOOKUP),
        lambda: inclusion_proof(3, 3, LOOKUP),
        lambda: inclusion_proof(-1, 3, LOOKUP),
        lambda: consistency_proof(0, 3, LOOKUP),
        lambda: consistency_proof(4, 3, LOOKUP),
        lambda: consistency_proof(1, 0, LOOKUP),
        lambda: root_at(-1, LOOKUP),
    ],
)
def test_a_proof_of_what_cannot_be_is_refused_by_name(ask):
    with pytest.raises(BadInputError) as caught:
        ask()
    assert caught.value.reasons[0].field in ("place", "first", "second", "size")


def test_an_answer_takes_as_many_looks_as_a_number_has_digits():
    size = 1_000_000
    asked = []

    def look(level, at):
        assert (at + 1) << level <= size, "only complete subtrees are there"
        asked.append((level, at))
        return sha(b"%d %d" % (level, at))

    for ask in (
        lambda: root_at(size, look),
        lambda: inclusion_proof(777_777, size, look),
        lambda: consistency_proof(654_321, size, look),
    ):
        asked.clear()
        ask()
        assert len(asked) <= 2 * size.bit_length()


def test_an_append_looks_at_one_node_on_average():
    nodes, looks, frontier = {}, [], Frontier()
    for place in range(1024):

        def look(level, at):
            looks.append(at)
            return nodes[level, at]

        for level, at, found in completed(place, sha(b"%d" % place), look):
            nodes[level, at] = found
        frontier.append(sha(b"%d" % place))
    assert len(looks) < 1024
    assert len(nodes) < 2048
    assert frontier.root() == nodes[10, 0]
