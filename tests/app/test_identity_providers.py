"""Whose signature counts: forged tokens, keys that change, providers that are down or lie."""

import base64
import hashlib
import hmac
import json

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.paper_provider import CLIENT, FIRST, ISSUER, Key, PaperProvider
from assay.app.identity_providers import DOWN_S, KEEP_S, REFRESH_S, HttpIssuers
from assay.core.errors import DeniedError, UnavailableError
from assay.core.id_tokens import DEFAULT_ALGORITHMS, MAX_TOKEN_LENGTH

STRANGER = Key("first")


@pytest.fixture
def provider():
    return PaperProvider()


def part(value):
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def verified(provider, token, algorithms=DEFAULT_ALGORITHMS):
    return provider.issuers.claims(ISSUER, token, algorithms)


@pytest.mark.parametrize("algorithm", DEFAULT_ALGORITHMS)
def test_a_token_signed_with_a_published_key_is_read(algorithm):
    key = Key("k", algorithm)
    provider = PaperProvider(keys=[key])
    claims = provider.claims()
    assert verified(provider, provider.sign(claims)) == claims


def hmac_with_the_public_key(provider):
    head, body = part({"alg": "HS256", "kid": "first"}), part(provider.claims())
    public = FIRST.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    mac = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{part(mac)}"


def changed(provider):
    head, _, tail = provider.sign(provider.claims()).split(".")
    return f"{head}.{part(provider.claims(sub='somebody-else'))}.{tail}"


FORGED = {
    "no algorithm": lambda p: f"{part({'alg': 'none', 'kid': 'first'})}.{part(p.claims())}.",
    "no algorithm, oddly written": lambda p: f"{part({'alg': 'nOnE'})}.{part(p.claims())}.",
    "shared secret made of the public key": hmac_with_the_public_key,
    "signed by somebody else under the same key id": lambda p: p.sign(p.claims(), STRANGER),
    "an algorithm that is not allowed": lambda p: jwt.encode(
        p.claims(), FIRST.private, "RS512", headers={"kid": "first"}
    ),
    "a key of its own in the header": lambda p: p.sign(p.claims(), STRANGER, jwk=STRANGER.public),
    "an address of keys in the header": lambda p: p.sign(
        p.claims(), STRANGER, jku="https://evil.example/keys", x5u="https://evil.example/chain"
    ),
    "another key id": lambda p: p.sign(p.claims(), STRANGER, kid="second"),
    "a key id that is a path": lambda p: p.sign(p.claims(), STRANGER, kid="../../dev/null"),
    "something critical": lambda p: p.sign(p.claims(), FIRST, crit=["exp"], exp=1),
    "a token of another kind": lambda p: p.sign(p.claims(), FIRST, typ="at+jwt"),
    "changed claims": changed,
    "two parts": lambda p: ".".join(p.sign(p.claims()).split(".")[:2]),
    "a payload that is a list": lambda p: jwt.api_jws.encode(
        b"[]", FIRST.private, "RS256", headers={"kid": "first"}
    ),
    "texts that cannot be stored": lambda p: p.sign(p.claims(sub="a\0b")),
    "letters that are none": lambda p: p.sign(p.claims(sub="\ud800")),
    "too long": lambda p: p.sign(p.claims(padding="x" * MAX_TOKEN_LENGTH)),
    "not ASCII": lambda p: p.sign(p.claims()) + "\N{LATIN SMALL LETTER A WITH DIAERESIS}",
    "nothing": lambda p: "",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_and_not_shown(provider, name):
    token = FORGED[name](provider)
    with pytest.raises(DeniedError) as caught:
        verified(provider, token)
    told = f"{caught.value} {caught.value.reasons} {caught.value.hint}"
    assert caught.value.reasons
    assert not token or token not in told
    assert not [each for each in provider.asked if "evil" in each]


def test_a_key_without_a_number_counts_only_where_there_is_one_key():
    token = jwt.encode(PaperProvider().claims(), FIRST.private, "RS256")
    assert verified(PaperProvider(), token)
    with pytest.raises(DeniedError):
        verified(PaperProvider(keys=[FIRST, Key("second")]), token)


def test_keys_for_other_purposes_and_short_keys_do_not_count(provider):
    token = provider.sign(provider.claims())
    for change in ({"use": "enc"}, {"alg": "RS384"}, {"kty": "EC"}):
        other = PaperProvider()
        other.keys = [type("Shown", (), {"public": FIRST.public | change})]
        with pytest.raises(DeniedError):
            verified(other, token)
    short = Key("short", private=rsa.generate_private_key(65537, 1024))
    weak = PaperProvider(keys=[short])
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        signed = weak.sign(weak.claims())
    with pytest.raises(DeniedError):
        verified(weak, signed)


def test_keys_are_kept_for_a_while_and_asked_for_again_when_one_is_unknown(provider):
    verified(provider, provider.sign(provider.claims()))
    verified(provider, provider.sign(provider.claims()))
    assert provider.asked.count("/keys") == 1
    second = Key("second")
    provider.keys.append(second)
    provider.seconds += REFRESH_S + 1
    assert verified(provider, provider.sign(provider.claims(), second))
    assert provider.asked.count("/keys") == 2


def test_forged_key_ids_do_not_make_the_server_ask_all_the_time(provider):
    verified(provider, provider.sign(provider.claims()))
    for number in range(20):
        with pytest.raises(DeniedError):
            verified(provider, provider.sign(provider.claims(), STRANGER, kid=f"k{number}"))
    assert provider.asked.count("/keys") == 1


KEYS, DOCUMENT = "/keys", "/.well-known/openid-configuration"


@pytest.mark.parametrize("path", [KEYS, DOCUMENT])
@pytest.mark.parametrize("before", [False, True], ids=["from the start", "when what was kept is too old"])
def test_a_provider_that_fails_is_asked_now_and_then_however_many_come(provider, path, before):
    if before:
        verified(provider, provider.sign(provider.claims()))
        provider.seconds += KEEP_S + 1
    provider.failing, provider.asked = {path}, []
    for number in range(20):
        with pytest.raises(UnavailableError, match=r"login\.example\.org"):
            verified(provider, provider.sign(provider.claims(), STRANGER, kid=f"k{number}"))
    assert provider.asked.count(path) == 1
    provider.seconds += DOWN_S
    provider.failing = set()
    assert verified(provider, provider.sign(provider.claims()))


@pytest.mark.parametrize("answer", ["fails", "publishes none", "is down"])
def test_keys_that_are_known_count_for_their_time_though_a_forged_one_cannot_be_looked_up(provider, answer):
    good = provider.sign(provider.claims())
    verified(provider, good)
    provider.seconds += REFRESH_S + 1
    claims, kept = provider.claims(), provider.keys
    if answer == "fails":
        provider.failing = {KEYS}
    elif answer == "publishes none":
        provider.keys = []
    else:
        provider.down = True
    forged = [provider.sign(claims, STRANGER, kid=f"k{number}") for number in range(20)]
    with pytest.raises(UnavailableError):
        verified(provider, forged[0])
    for token in forged[1:]:
        with pytest.raises(DeniedError):
            verified(provider, token)
    assert provider.asked.count(KEYS) == 1 + (not provider.down)
    assert verified(provider, provider.sign(provider.claims(), kept[0]))
    provider.seconds += KEEP_S
    with pytest.raises(UnavailableError):
        verified(provider, good)


def test_a_key_that_was_taken_back_counts_no_longer_than_it_is_kept(provider):
    token = provider.sign(provider.claims())
    verified(provider, token)
    provider.keys = [Key("second")]
    provider.seconds += KEEP_S + 1
    with pytest.raises(DeniedError):
        verified(provider, token)


def test_an_empty_set_of_keys_is_an_error_and_not_kept(provider):
    kept, provider.keys = provider.keys, []
    token = provider.sign(provider.claims(), FIRST)
    with pytest.raises(UnavailableError, match=r"login\.example\.org.* publishes no keys"):
        verified(provider, token)
    provider.keys = kept
    provider.seconds += DOWN_S
    assert verified(provider, token)


def test_a_provider_that_is_down_is_named_and_nothing_old_is_used(provider):
    token = provider.sign(provider.claims())
    verified(provider, token)
    provider.down = True
    provider.seconds += KEEP_S + 1
    for _ in range(3):
        with pytest.raises(UnavailableError, match=r"https://login\.example\.org/realm cannot be reached"):
            verified(provider, token)
    provider.down = False
    provider.seconds += 3
    assert verified(provider, token)


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": "https://other.example.org"},
        {"jwks_uri": "http://login.example.org/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://user:pw@login.example.org/keys"},
        {"jwks_uri": 5},
        {"jwks_uri": None},
    ],
)
def test_a_provider_that_says_what_cannot_be_is_refused(provider, more):
    provider.more = more
    with pytest.raises(UnavailableError):
        verified(provider, provider.sign(provider.claims()))


def test_redirects_are_not_followed_and_long_answers_not_read():
    sent = []

    def elsewhere(request):
        sent.append(str(request.url))
        return httpx.Response(302, headers={"Location": "http://169.254.169.254/"})

    issuers = HttpIssuers(transport=httpx.MockTransport(elsewhere))
    with pytest.raises(UnavailableError):
        issuers.endpoints(ISSUER)
    assert sent == [f"{ISSUER}/.well-known/openid-configuration"]
    long = HttpIssuers(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b" " * 2**20)))
    with pytest.raises(UnavailableError, match="too much"):
        long.endpoints(ISSUER)


@pytest.mark.parametrize("methods", [None, ["client_secret_post"], ["client_secret_basic", "none"]])
def test_the_client_says_who_it_is_as_the_provider_wants(provider, methods):
    provider.more = {"token_endpoint_auth_methods_supported": methods} if methods else {}
    provider.codes["c"] = provider.sign(provider.claims())
    assert provider.issuers.redeem(ISSUER, (CLIENT, "s:cret"), {"code": "c"})
    form, header = provider.forms[-1]
    if methods == ["client_secret_post"]:
        assert (form["client_id"], form["client_secret"], header) == (CLIENT, "s:cret", "")
    else:
        assert base64.b64decode(header.removeprefix("Basic ")) == b"registry:s%3Acret"
        assert "client_secret" not in form


def test_a_code_that_the_provider_does_not_take_is_denied(provider):
    with pytest.raises(DeniedError) as caught:
        provider.issuers.redeem(ISSUER, (CLIENT, ""), {"code": "wrong"})
    assert caught.value.reasons[0].detail == "invalid_grant"
    assert provider.forms[-1][0]["client_id"] == CLIENT
