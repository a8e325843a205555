"""What every store must do with the words for whose bytes are."""

from assay.core.digests import digest_of

A, B, C = (digest_of(each) for each in (b"a", b"b", b"c"))


def held(database, digests, *holders):
    with database.read() as records:
        return records.blob_holders.held(digests, holders)


def noted(database):
    with database.write() as records:
        records.blob_holders.note([A, B, A], "principal:ada")
        records.blob_holders.note([A], "principal:ada")
        records.blob_holders.note([B], "model:team/task")
        records.blob_holders.note([C], "model:team2/task")
        records.blob_holders.note([], "model:team/none")


def test_bytes_are_found_by_their_holders(database):
    noted(database)
    every = [A, B, C, digest_of(b"none")]
    assert held(database, every, "principal:ada") == {A, B}
    assert held(database, every, "principal:ad", "principal:adam") == frozenset()
    assert held(database, every, "model:team/task") == {B}
    assert held(database, [C], "principal:ada", "model:team/task") == frozenset()
    assert held(database, [], "model:*") == frozenset()


def test_a_star_stands_for_all_that_begin_so(database):
    noted(database)
    every = [A, B, C, *(digest_of(b"%d" % each) for each in range(1200))]
    assert held(database, every, "model:*") == {B, C}
    assert held(database, every, "model:team/*") == {B}
    assert held(database, every, "principal:ada", "model:team2/*") == {A, B, C}
    assert held(database, every, "model:tea/*", "principal:bob") == frozenset()
