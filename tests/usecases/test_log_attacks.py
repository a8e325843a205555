"""Every attack on the stored log is found: by the server, or by whoever kept a head of it."""

import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from assay.client.seen_heads import verify_signature
from assay.core.audit import KnownRoot, verify_chain
from assay.core.audit_files import check_proof, proof_text
from assay.core.audit_judging import Claims, judge_log
from assay.core.checkpoints import signature_problem
from assay.core.digests import Digest
from assay.core.errors import BadInputError, DeniedError, NotFoundError, UnavailableError
from assay.core.merkle import consistency_problem, root_at
from assay.usecases.browsing import all_events
from assay.usecases.heads import EVENTS_PER_HEAD, HEAD_EVERY, Heads
from assay.wire.audit_lines import read_export, split_lines, write_lines
from assay.wire.requests import NewGrant, NewPrincipal, NewToken
from contracts.samples import entry
from contracts.stores import open_sqlite
from usecases.fresh_means import fresh_means
from usecases.log_attacks import BROKEN_CHAINS, WHOLE_CHAINS, store, stored
from usecases.registry_world import World


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path)
    one.path = tmp_path / "r.db"
    yield one
    one.means.database.close()


@pytest.fixture
def ten(world):
    """A log of ten events, with heads of 6 and 10 kept elsewhere."""
    count = len(stored(world.path))
    store(world.path, [], thorough=True)
    assert count
    world.kept = {}
    for number in range(1, 11):
        append(world, number)
        if number in (6, 10):
            world.kept[number] = world.use.heads.newest(world.local)
    world.key = world.use.heads.key(world.local)
    return world


def append(world, number):
    with world.means.database.write() as records:
        records.audit.append(entry(subject=f"team/task/v1.0.{number}", after={"number": number, "x": 0.1}))


def judged(world, *sizes):
    """Return what an auditor says who has those heads."""
    kept = tuple((f"head {size}", world.kept[size]) for size in sizes)
    return judge_log(all_events(world.means.database), Claims(world.key, kept=kept), verify_signature)


def test_a_whole_log_is_whole_for_everybody(ten):
    assert ten.use.heads.verify(ten.local).whole
    report = judged(ten, 6, 10)
    assert (report.whole, report.event_count, report.head_count) == (True, 10, 2)
    assert report.root == ten.kept[10].root


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("name", BROKEN_CHAINS)
def test_what_breaks_the_chain_is_found_without_any_head(name, thorough, ten):
    make, place = BROKEN_CHAINS[name]
    store(ten.path, make(stored(ten.path)), thorough=thorough)
    for report in (judged(ten), judged(ten, 6, 10)):
        assert not report.whole
        assert report.problem_seq == place, report
    # Where an event was put in behind the right one, the tree of the server tells one event earlier.
    assert ten.use.heads.verify(ten.local).problem_seq in (place, place - (name == "put in"))


@pytest.mark.parametrize("name", WHOLE_CHAINS)
def test_what_leaves_a_whole_chain_is_found_by_the_server_where_only_events_were_touched(name, ten):
    make, place, _ = WHOLE_CHAINS[name]
    store(ten.path, make(stored(ten.path)))
    report = ten.use.heads.verify(ten.local)
    assert not report.whole
    assert report.problem_seq == place, report


@pytest.mark.parametrize("name", WHOLE_CHAINS)
def test_what_leaves_nothing_in_the_database_is_found_by_heads_kept_elsewhere(name, ten):
    make, place, seen_by_six = WHOLE_CHAINS[name]
    store(ten.path, make(stored(ten.path)), thorough=True)
    assert ten.use.heads.verify(ten.local).whole, "nothing in the database tells"
    assert judged(ten).whole
    assert judged(ten, 6).whole is not seen_by_six
    both = judged(ten, 6, 10)
    assert not both.whole
    # With heads alone the place can only be told as far as heads lie apart.
    assert both.problem_seq <= place
    assert both.problem_seq in (1, 7, place)


def test_a_stored_head_by_another_key_is_found(ten, tmp_path):
    (tmp_path / "audit.key").unlink()
    means = fresh_means(tmp_path, ten.clock, ten.means.chance)
    assert "key of this log" in Heads(means).verify(ten.local).problem
    append(ten, 11)
    with pytest.raises(UnavailableError, match="not the one that its heads were signed with"):
        Heads(means).newest(ten.local)
    assert ten.use.heads.newest(ten.local).size == 11, "the right key is still the right one"
    means.database.close()


@pytest.mark.parametrize("name", ["tail cut after 7", "all deleted"])
def test_the_server_neither_signs_nor_goes_on_where_events_were_taken_away(name, ten):
    store(ten.path, WHOLE_CHAINS[name][0](stored(ten.path)))
    with pytest.raises(UnavailableError, match="changed from outside"):
        ten.use.heads.newest(ten.local)
    with pytest.raises(UnavailableError, match="a head was signed over 10"):
        ten.use.heads.sign_when_due()
    with pytest.raises(UnavailableError, match="changed from outside"):
        append(ten, 11)
    assert ten.kept[10] in ten.use.heads.page(ten.local)


def test_the_server_signs_nothing_that_contradicts_what_it_signed(ten):
    kept = ten.use.heads.page(ten.local)
    store(ten.path, WHOLE_CHAINS["all rewritten"][0](stored(ten.path)), thorough=True)
    with ten.means.database.write() as records:
        for head in kept:
            records.audit_heads.add(head, ten.clock.now())
    append(ten, 11)
    with pytest.raises(UnavailableError, match="does not begin as that of the head at 10"):
        ten.use.heads.newest(ten.local)


def test_a_split_view_is_found_by_two_heads(ten):
    log = stored(ten.path)
    store(ten.path, WHOLE_CHAINS["all rewritten"][0](log), thorough=True)
    other = ten.use.heads.newest(ten.local)
    assert (other.size, signature_problem(other, ten.key, verify_signature)) == (10, "")
    claims = Claims(ten.key, kept=(("a", ten.kept[10]), ("b", other)))
    assert "split view" in judge_log(log, claims, verify_signature).problem


def test_proofs_come_from_the_store_at_every_size(ten):
    for seq in range(1, 11):
        for size in range(seq, 11):
            proven = ten.use.heads.inclusion(ten.local, seq, size)
            assert proven.event.seq == seq
        proven = ten.use.heads.inclusion(ten.local, seq)
        report = check_proof(proof_text(proven), ten.key, verify_signature)
        assert report.holds
        assert report.event["subject"] == f"team/task/v1.0.{seq}"
    raw = {size: bytes.fromhex(head.root.hex) for size, head in ten.kept.items()}
    proof = [bytes.fromhex(each.hex) for each in ten.use.heads.consistency(ten.local, 6, 10)]
    assert consistency_problem(6, 10, raw[6], raw[10], proof) == ""
    for first, second in ((0, 3), (4, 3), (1, 11), (11, 11)):
        with pytest.raises(BadInputError):
            ten.use.heads.consistency(ten.local, first, second)
    with pytest.raises(BadInputError):
        ten.use.heads.inclusion(ten.local, 5, 4)
    for seq in (0, -1, 11, 2**60):
        with pytest.raises(NotFoundError):
            ten.use.heads.inclusion(ten.local, seq)


def test_an_export_verifies_whole_and_an_event_more_does_not_matter(ten):
    pieces = list(write_lines(ten.use.heads.export(ten.local)))
    append(ten, 11)
    export = read_export(split_lines(pieces), "export")
    assert export.key == ten.key
    assert [head.size for head in export.heads] == [6, 10]
    report = judge_log(export.events, Claims(ten.key, export.key, export.heads), verify_signature)
    assert (report.whole, report.event_count) == (True, 10)


def caller(world, name, pattern):
    world.use.access.create_principal(world.local, NewPrincipal(name))
    if pattern:
        world.use.access.grant(world.local, NewGrant(name, "reader", pattern))
    made = world.use.access.create_token(world.local, NewToken(("read",), principal=name))
    return world.use.access.authenticate(made.text)


def test_heads_are_for_readers_and_proofs_for_those_who_may_read_the_event(ten):
    nobody, reader, other = (
        caller(ten, name, pattern)
        for name, pattern in (("nobody", ""), ("reader", "team/*"), ("other", "elsewhere/*"))
    )
    for ask in (ten.use.heads.newest, ten.use.heads.page, ten.use.heads.key):
        ask(reader)
        ask(other)
        with pytest.raises(DeniedError):
            ask(nobody)
    assert ten.use.heads.inclusion(reader, 3).event.seq == 3
    with pytest.raises(NotFoundError) as hidden:
        ten.use.heads.inclusion(other, 3)
    with pytest.raises(NotFoundError) as missing:
        ten.use.heads.inclusion(other, 999)
    assert str(hidden.value).replace("3", "999") == str(missing.value)
    for one in (reader, other, nobody):
        with pytest.raises(DeniedError):
            ten.use.heads.export(one)


def test_a_question_that_is_not_answered_signs_nothing(ten):
    other, nobody = caller(ten, "other", "elsewhere/*"), caller(ten, "nobody", "")
    append(ten, 11)
    for who in (other, nobody):
        for seq in (3, 999):
            with pytest.raises(NotFoundError):
                ten.use.heads.inclusion(who, seq)
    assert [head.size for head in ten.use.heads.page(ten.local)] == [6, 10]


def test_a_head_follows_a_change_of_stage_at_once_and_other_events_after_a_while(ten):
    use = ten.use.heads
    assert not use.sign_when_due(), "nothing is new"
    append(ten, 11)
    assert not use.sign_when_due()
    with ten.means.database.write() as records:
        records.audit.append(entry(verb="stage.promote"))
    assert use.sign_when_due()
    append(ten, 13)
    assert not use.sign_when_due()
    ten.clock.at += HEAD_EVERY
    assert use.sign_when_due()
    with ten.means.database.write() as records:
        for _ in range(EVENTS_PER_HEAD):
            records.audit.append(entry())
    assert use.sign_when_due()
    assert [head.size for head in use.page(ten.local)] == [6, 10, 12, 13, 13 + EVENTS_PER_HEAD]
    assert not use.sign_when_due()


APPENDER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from assay.wire.requests import NewGrant, NewPrincipal, NewToken
from contracts.samples import entry
from contracts.stores import open_sqlite
database = open_sqlite(Path({root!r}))
for number in range(40):
    with database.write() as records:
        records.audit.append(entry(after={{"number": number}}))
"""


def test_two_processes_append_without_fork_or_gap(tmp_path):
    with closing(open_sqlite(tmp_path)) as database:
        tests = str(Path(__file__).resolve().parents[1])
        script = textwrap.dedent(APPENDER.format(tests=tests, root=str(tmp_path)))
        started = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
        assert [each.wait() for each in started] == [0, 0]
        with database.read() as records:
            events = records.audit.read()
            root = root_at(80, records.audit.node)
    assert [event.seq for event in events] == list(range(1, 81))
    roots = [KnownRoot(80, Digest(f"sha256:{root.hex()}"), "the stored tree")]
    assert verify_chain(events, {}, roots).whole
