"""``audit``: the log verifies on any machine, and every way of breaking it is found."""

import json
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.client.seen_heads import verify_signature
from assay.core.audit import event_leaf
from assay.core.audit_files import Consistency, PublicKey, check_proof, proof_text
from assay.core.audit_judging import Claims, judge_log
from assay.core.checkpoints import LogKey
from assay.core.digests import Digest
from assay.core.errors import BadInputError
from assay.core.merkle import consistency_proof, root_of
from assay.wire import codec
from assay.wire.audit_lines import read_export, split_lines

OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture
def exported(tmp_path, events_of):
    """An export of five events, and nothing else."""
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(codec.encode(event) + b"\n" for event in events_of(5)))
    return path


@pytest.fixture
def signed(tmp_path, log_of):
    """An export of five events with the heads of three and five."""
    events = log_of.events(5)
    path = tmp_path / "signed.jsonl"
    path.write_bytes(log_of.export(events, log_of.head(events[:3]), log_of.head(events)))
    return path


def save(path, head):
    path.write_text(head.note)
    return path


def test_a_whole_export_verifies_without_a_server(exported, assay, server, events_of):
    done = assay("audit", "verify", exported)
    assert done.code == 0
    assert f"5:{events_of(5)[-1].hash}" in done.out
    assert "not verified: any signature" in done.out
    assert server.asked == []


def test_a_signed_export_says_what_it_shows_and_what_it_does_not(signed, assay, server, log_of, tmp_path):
    done = assay("audit", "verify", signed)
    assert done.code == 0, done.err
    assert "verified: 5 events" in done.out
    for words in ("whose key it is", "no head kept elsewhere", "whether what was written is true"):
        assert words in done.out
    kept = save(tmp_path / "head", log_of.head(log_of.events(3)))
    done = assay("audit", "verify", signed, "--key", log_of.key, "--head", kept)
    assert done.code == 0, done.out
    assert "by the key of assay/log_1" in done.out
    assert "not verified: the events after 3" in done.out
    assert "whose key" not in done.out
    assert server.asked == []
    as_json = assay("audit", "verify", signed, "--json").json
    assert (as_json["event_count"], as_json["head_count"]) == (5, 2)


def spoil_text(lines):
    return [line.replace('"ann"', '"eve"') if index == 2 else line for index, line in enumerate(lines)]


SPOILED = {
    "changed": (spoil_text, 3),
    "dropped": (lambda lines: lines[:2] + lines[3:], 3),
    "swapped": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2),
    "beheaded": (lambda lines: lines[1:], 1),
    "doubled": (lambda lines: [*lines, lines[-1]], 6),
    "number": (lambda lines: [line.replace("0.1", "0.2") for line in lines], 2),
    "instant": (lambda lines: [line.replace("12:00:01.000001", "12:00:01.000002") for line in lines], 2),
}


@pytest.mark.parametrize("name", SPOILED)
def test_every_way_of_breaking_the_chain_ends_with_3_and_names_the_place(name, exported, assay):
    spoil, place = SPOILED[name]
    lines = exported.read_text().splitlines()
    spoiled = spoil(lines)
    assert spoiled != lines
    exported.write_text("\n".join(spoiled) + "\n")
    done = assay("audit", "verify", exported)
    assert done.code == 3
    assert "broken" in done.out
    assert f"the first bad event: {place}" in done.out
    as_json = assay("audit", "verify", exported, "--json")
    assert as_json.code == 3
    assert as_json.json["problem_seq"] == place


def test_a_tail_that_was_cut_is_found_with_a_head_kept_elsewhere(
    exported, assay, events_of, log_of, tmp_path
):
    hashed = f"5:{events_of(5)[-1].hash}"
    kept = save(tmp_path / "head", log_of.head(events_of(5)))
    heads = (hashed, kept, kept.read_text())
    for head in heads:
        assert assay("audit", "verify", exported, "--head", head).code == 0
    exported.write_text("\n".join(exported.read_text().splitlines()[:3]) + "\n")
    assert assay("audit", "verify", exported).code == 0
    for head in heads:
        done = assay("audit", "verify", exported, "--head", head)
        assert done.code == 3
        assert "the first bad event: 4" in done.out


def test_a_signed_export_whose_tail_was_cut_is_found_by_itself(signed, assay):
    lines = signed.read_text().splitlines(keepends=True)
    signed.write_text("".join(lines[:-1]))
    done = assay("audit", "verify", signed)
    assert done.code == 3
    assert "the first bad event: 5" in done.out


def test_a_forged_head_and_one_of_another_log_are_found(signed, assay, log_of, tmp_path):
    events = log_of.events(5)
    forged = save(tmp_path / "forged", log_of.head(events, log_of.key, OTHER))
    other_key = LogKey("assay/log_2", OTHER.public_key().public_bytes_raw())
    foreign = save(tmp_path / "foreign", log_of.head(events, other_key, OTHER))
    changed = tmp_path / "changed"
    changed.write_text(log_of.head(events).note.replace("\n5\n", "\n4\n"))
    for head, words in ((forged, "forged"), (foreign, "of another log"), (changed, "forged")):
        for key in ([], ["--key", str(log_of.key)]):
            done = assay("audit", "verify", signed, "--head", head, *key)
            assert done.code == 3
            assert words in done.out
    done = assay("audit", "verify", signed, "--key", str(other_key))
    assert done.code == 3
    assert "another key" in done.out


def test_a_split_view_is_found_between_two_heads(signed, assay, log_of, tmp_path):
    one = save(tmp_path / "one", log_of.head(log_of.events(5)))
    other = save(tmp_path / "other", log_of.head([*log_of.events(4), log_of.events(4)[0]]))
    done = assay("audit", "verify", signed, "--head", one, "--head", other)
    assert done.code == 3
    assert "split view" in done.out


@pytest.mark.parametrize("form", [{"sort_keys": True}, {"indent": None}, {"separators": (",", ":")}])
def test_an_export_that_another_tool_wrote_anew_is_read_all_the_same(form, signed, assay):
    lines = [json.dumps(json.loads(line), **form) for line in signed.read_text().splitlines()]
    assert not form.get("sort_keys") or lines[0].startswith('{"format"')
    signed.write_text("\n".join(lines))
    done = assay("audit", "verify", signed, "--json")
    assert done.code == 0, done.err
    assert (done.json["event_count"], done.json["head_count"]) == (5, 2)


def test_the_fields_of_a_line_may_stand_in_any_order(signed, assay):
    lines = [json.loads(line) for line in signed.read_text().splitlines()]
    signed.write_text("\n".join(json.dumps(dict(reversed(each.items()))) for each in lines))
    assert assay("audit", "verify", signed).code == 0


def test_nothing_is_not_a_log_that_was_verified(assay, tmp_path, log_of, server):
    nothing = tmp_path / "nothing"
    for content in (b"", log_of.export([])):
        nothing.write_bytes(content)
        done = assay("audit", "verify", nothing)
        assert done.code == 2
        assert "must hold an event" in done.err
        assert "whole" not in done.out
        kept = save(tmp_path / "head", log_of.head(log_of.events(3)))
        assert assay("audit", "verify", nothing, "--head", kept).code == 3
    server.put("GET", "/audit/export", b"")
    assert assay("audit", "verify").code == 2


@pytest.mark.parametrize("line", ["", "{", "[]", '{"seq": 1}'])
def test_a_line_that_is_no_event_is_named(line, exported, assay):
    exported.write_text(exported.read_text() + line + "\n")
    done = assay("audit", "verify", exported)
    assert done.code == 2
    assert "line 6" in done.err


@pytest.mark.parametrize(
    "words",
    [["--head", "/none"], ["--head", "5:x"], ["--head", "x\ny"], ["--key", "/none"], ["--key", "a+b"]],
)
def test_what_is_no_head_and_no_key_is_refused(words, exported, assay):
    done = assay("audit", "verify", exported, *words)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_a_field_smuggled_into_an_event_is_refused(exported, assay):
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    lines[1]["note"] = "was here"
    exported.write_text("\n".join(map(json.dumps, lines)))
    assert assay("audit", "verify", exported).code == 2


@pytest.mark.parametrize(
    "doubled",
    [
        lambda line: b'{"actor":"mallory",' + line[1:],
        lambda line: line[:-1] + b',"actor":"ada"}',
        lambda line: line.replace(b'"after":{', b'"after":{"a":1,"\\u0061":2,', 1),
    ],
)
def test_a_field_that_is_said_twice_is_refused(exported, assay, doubled):
    first, *rest = exported.read_bytes().splitlines()
    exported.write_bytes(b"\n".join([doubled(first), *rest]) + b"\n")
    done = assay("audit", "verify", exported)
    assert done.code != 0
    assert "line 1" in done.err
    exported.write_bytes(b"\n".join([first, doubled(rest[0])]) + b"\n")
    assert "line 2" in assay("audit", "verify", exported).err


def test_what_is_exported_verifies(stocked, assay, tmp_path):
    path = tmp_path / "log.jsonl"
    assert assay("audit", "export", path, "--json").json["size_bytes"] == path.stat().st_size
    assert assay("audit", "verify", path).code == 0


def test_an_export_goes_to_standard_output_as_lines(stocked, assay):
    lines = [json.loads(line) for line in assay("audit", "export").out.splitlines()]
    assert [each.get("seq") for each in lines[2:]] == [1, 2, 3]
    assert "key" in lines[0]
    assert "head" in lines[1]


def test_the_log_of_the_server_is_verified_here_and_not_believed(server, assay, log_of):
    events = log_of.events(3)
    server.put("GET", "/audit/export", log_of.export([events[0], events[2]], log_of.head(events)))
    assert assay("audit", "verify").code == 3
    assert all(not path.endswith("/audit/verify") for _, path, _ in server.asked)


def test_a_server_that_was_put_back_or_rewritten_is_found_by_who_saw_a_newer_head(server, assay, log_of):
    def serve(events):
        server.put("GET", "/audit/head", log_of.head(events))
        server.put("GET", "/audit/key", PublicKey(str(log_of.key)))
        server.put("GET", "/audit/export", log_of.export(events, log_of.head(events)))

    whole = log_of.events(5)
    serve(whole)
    assert assay("audit", "verify").code == 0
    serve(whole[:4])  # an old backup: whole, and rightly signed
    for command in ("head", "verify"):
        done = assay("audit", command)
        assert done.code == 3
        assert "broken" in done.out
    serve(whole)
    assert assay("audit", "head").code == 0
    assert assay("audit", "head", "--forget").code == 0
    serve(whole[:4])
    assert assay("audit", "verify", "--forget").code == 0


def test_what_was_seen_is_not_forgotten_for_heads_in_another_order(server, assay, log_of):
    def serve(events, *heads):
        server.put("GET", "/audit/export", log_of.export(events, *heads))

    whole, other = log_of.events(5), log_of.events(4)[:2]
    serve(whole, log_of.head(whole[:2]), log_of.head(whole))
    assert assay("audit", "verify").code == 0
    serve(whole, log_of.head(whole), log_of.head(whole[:2]))
    assert assay("audit", "verify").code == 0
    serve(whole, log_of.head(whole[:2]))
    assert assay("audit", "verify").code == 0
    serve(other, log_of.head(other))
    assert assay("audit", "verify").code == 3


def nodes_of(events):
    leaves = [event_leaf(event) for event in events]
    return lambda level, at: root_of(leaves[at << level : (at + 1) << level])


def test_a_newer_head_is_believed_with_a_proof_that_the_log_only_grew(server, assay, log_of):
    events = log_of.events(5)
    server.put("GET", "/audit/key", PublicKey(str(log_of.key)))
    server.put("GET", "/audit/head", log_of.head(events[:3]))
    assert assay("audit", "head").code == 0
    server.put("GET", "/audit/head", log_of.head(events))
    path = consistency_proof(3, 5, nodes_of(events))
    good = tuple(Digest(f"sha256:{each.hex()}") for each in path)
    server.put("GET", "/audit/consistency", Consistency(3, 5, good[:-1]))
    done = assay("audit", "head")
    assert done.code == 3
    assert "rewritten" in done.out
    server.put("GET", "/audit/consistency", Consistency(3, 5, good))
    assert assay("audit", "head").code == 0


def test_a_server_with_another_key_than_before_is_found(stocked, assay, log_of):
    assert assay("audit", "head").code == 0
    key = LogKey(log_of.key.name, OTHER.public_key().public_bytes_raw())
    stocked.put("GET", "/audit/key", PublicKey(str(key)))
    stocked.put("GET", "/audit/head", log_of.head(log_of.events(3), key, OTHER))
    stocked.put("GET", "/audit/export", log_of.export(log_of.events(3), key=key))
    for command in ("head", "verify"):
        assert assay("audit", command).code == 3


def test_what_was_seen_before_and_cannot_be_read_is_not_taken_for_nothing(
    stocked, assay, monkeypatch, tmp_path
):
    monkeypatch.setenv("ASSAY_CONFIG_DIR", str(tmp_path))
    assert assay("audit", "head").code == 0
    (kept,) = (tmp_path / "audit-heads").iterdir()
    kept.write_text("{}")
    done = assay("audit", "head")
    assert done.code == 7
    assert str(kept) in done.err


def test_a_head_is_printed_and_saved_as_it_was_signed(stocked, assay, tmp_path, log_of):
    note = log_of.head(log_of.events(3)).note
    assert assay("audit", "head").out == note
    assay("audit", "head", "--save", tmp_path / "head")
    assert (tmp_path / "head").read_text() == note


def test_a_proof_is_checked_on_any_machine(stocked, assay, tmp_path, log_of):
    path = tmp_path / "proof"
    done = assay("audit", "prove", "2", "--save", path)
    assert done.code == 0, done.err
    done = assay("audit", "verify-proof", path, "--key", str(log_of.key))
    assert done.code == 0
    assert "event 2 is in the log assay/log_1 of 3 events" in done.out
    assert "not verified" in assay("audit", "verify-proof", path).out
    text = path.read_text()
    wrong = text.replace("index 1", "index 0")
    path.write_text(wrong)
    assert assay("audit", "verify-proof", path).code == 3
    path.write_text(text.replace("\n3\n", "\n4\n"))
    assert assay("audit", "verify-proof", path, "--key", str(log_of.key)).code == 3
    path.write_text("no proof")
    assert assay("audit", "verify-proof", path).code == 2


def test_the_newest_event_about_an_address_is_proved(stocked, assay):
    done = assay("audit", "prove", "fraud/transactions")
    assert done.code == 0
    assert any(path == "/api/v1/audit/proof?seq=3" for _, path, _ in stocked.asked)


def test_the_newest_events_are_shown(stocked, assay):
    assert [each["seq"] for each in assay("audit", "show", "--limit", "2", "--json").json] == [2, 3]


def verdict(content):
    """Return what the verifier says of any bytes: a report, or an error with words."""
    try:
        export = read_export(split_lines([content]), "x")
        return judge_log(export.events, Claims(None, export.key, export.heads), verify_signature)
    except BadInputError:
        return None


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@FUZZ
@given(st.binary(max_size=400))
def test_any_bytes_get_a_verdict(content):
    verdict(content)
    verdict(b'{"key":' + content)
    verdict(b'{"head":' + content)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.builds(lambda: 10**4000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@FUZZ
@given(st.data())
def test_a_changed_field_or_byte_gets_a_verdict_and_never_passes(log_of, data):
    events = log_of.events(4)
    content = log_of.export(events, log_of.head(events[:2]), log_of.head(events))
    assert verdict(content).whole
    lines = content.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    if data.draw(st.booleans()):
        document = json.loads(lines[at])
        document[data.draw(st.sampled_from([*document, "other"]))] = data.draw(JSON)
        try:
            lines[at] = json.dumps(document).encode("utf-8", "surrogatepass") + b"\n"
        except ValueError:
            lines[at] = b'{"seq": 1' + b"0" * 5000 + b"}\n"
    else:
        line = bytearray(lines[at])
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
        lines[at] = bytes(line)
    changed = b"".join(lines)
    report = verdict(changed)
    if report is not None and report.whole:
        again = read_export(split_lines([changed]), "x")
        assert list(again.events) == events, "only what says the same passes"
        assert len(again.heads) == 2


@FUZZ
@given(st.data())
def test_a_changed_proof_gets_a_verdict_and_never_passes(log_of, data):
    text = proof_text(log_of.proof(log_of.events(5), 3))
    assert check_proof(text, log_of.key, verify_signature).holds
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 40)) :]
    if changed == text:
        return
    with suppress(BadInputError):
        assert not check_proof(changed, log_of.key, verify_signature).holds
