"""``assay webhook``: what it sends, where the secret comes from, how it ends."""

import io

import pytest

from assay.wire.views import HookAnswer

URL = "https://hooks.example.org/x"


def add(assay, *words):
    return assay("webhook", "add", "chat", URL, "--on", "promotion.refused", *words)


def test_what_is_asked_for_is_sent(stocked, assay):
    add(assay, "--on", "prompt.created", "--description", "d", "--disabled")
    assert stocked.body_of("POST", "/webhooks") == {
        "name": "chat",
        "url": URL,
        "events": ["promotion.refused", "prompt.created"],
        "description": "d",
        "secret": "",
        "status": "DISABLED",
    }


def test_the_secret_comes_from_a_file_standard_input_or_the_environment(
    stocked, assay, tmp_path, monkeypatch
):
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    add(assay, "--secret-file", file)
    assert stocked.body_of("POST", "/webhooks")["secret"] == "from a file"
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))
    add(assay, "--secret-file", "-")
    assert stocked.body_of("POST", "/webhooks")["secret"] == "typed"
    monkeypatch.setenv("ASSAY_WEBHOOK_SECRET", "kept")
    add(assay)
    assert stocked.body_of("POST", "/webhooks")["secret"] == "kept"


def test_a_secret_that_cannot_be_read_is_bad_input(stocked, assay, tmp_path):
    done = add(assay, "--secret-file", tmp_path / "none")
    assert done.code == 2
    assert not [each for each in stocked.asked if each[0] == "POST"]


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["--name", "b"], {"name": "b"}),
        (["--url", URL], {"url": URL}),
        (["--on", "prompt.created"], {"events": ["prompt.created"]}),
        (["--description", ""], {"description": ""}),
        (["--unsigned"], {"secret": ""}),
        (["--enable"], {"status": "ACTIVE"}),
        (["--disable"], {"status": "DISABLED"}),
        ([], {}),
    ],
)
def test_a_change_names_only_what_changes(words, changed, stocked, assay):
    assert assay("webhook", "change", "0123", *words).code == 0
    sent = stocked.body_of("PATCH", "/webhooks/0123")
    assert {name: value for name, value in sent.items() if value is not None} == changed


def test_a_trial_that_does_not_arrive_ends_with_3(stocked, assay):
    answer = HookAnswer(delivered=False, status=500, text="no", problem="answered 500")
    stocked.put("POST", "/webhooks/0123/test", answer)
    done = assay("webhook", "test", "0123", "--event", "promotion.refused")
    assert done.code == 3
    assert "answered 500" in done.out
    assert stocked.body_of("POST", "/test") == {"event": "promotion.refused"}
