"""Passwords: who gets one, what it opens, what guessing costs, and where it never shows."""

import json
import threading
from datetime import timedelta

import pytest

from assay.core.access import Scope
from assay.core.canonical import plain
from assay.core.errors import BadInputError, ConflictError, DeniedError, NotFoundError, UnavailableError
from assay.usecases import passwords
from assay.wire.requests import NewGrant, NewPrincipal, NewToken, PrincipalChange

GOOD, BETTER = "correct horse battery", "staple of another colour"


@pytest.fixture
def counted(monkeypatch):
    """How often scrypt ran, at a cost that tests can pay."""
    calls = []
    real = passwords._derive

    def derive(*arguments):
        calls.append(arguments)
        return real(*arguments)

    cheap = passwords.Cost(n=2**4, r=8, p=1)
    monkeypatch.setattr(passwords, "COST", cheap)
    monkeypatch.setattr(passwords, "_derive", derive)
    return calls


@pytest.fixture
def eve(world, counted):
    world.use.people.create(world.local, "eve", GOOD)
    world.use.access.grant(world.local, NewGrant("eve", "contributor", "team/*"))
    counted.clear()
    return "eve"


def sign_in(world, name, password):
    return world.use.access.authenticate_basic(name, password)


def refused(world, name, password):
    with pytest.raises(DeniedError) as caught:
        sign_in(world, name, password)
    assert caught.value.authenticate
    return str(caught.value), caught.value.reasons, caught.value.hint


def test_a_password_opens_all_that_its_owner_was_granted(world, eve):
    caller = sign_in(world, eve, GOOD)
    assert (caller.name, caller.scopes, caller.pattern) == ("eve", frozenset(Scope), "*")
    assert [each.pattern for each in caller.grants] == ["team/*"]


def test_a_narrow_token_is_told_which_scopes_it_lacks(world, eve):
    admin = world.use.access.authenticate(
        world.use.access.create_token(world.local, NewToken(("read", "write", "admin"))).text
    )
    for act in (world.use.people.set_password, world.use.people.create):
        with pytest.raises(DeniedError) as caught:
            act(admin, eve if act == world.use.people.set_password else "new", BETTER)
        said = str(caught.value)
        assert "needs the scopes read, write, evidence, approve, admin" in said
        assert "this token lacks evidence, approve" in said


def test_who_has_no_password_yet_is_told_who_sets_the_first_one(world, eve):
    carl = world.person("carl", "contributor")
    with pytest.raises(BadInputError) as caught:
        world.use.people.set_password(carl, "carl", GOOD)
    assert "assay principal password" in caught.value.hint
    with pytest.raises(BadInputError) as caught:
        world.use.people.set_password(sign_in(world, eve, GOOD), eve, BETTER)
    assert caught.value.hint == ""


def test_a_token_is_still_taken_as_the_password_and_only_its_owners(world, eve):
    token = world.use.access.create_token(world.local, NewToken(("read",), principal=eve)).text
    assert sign_in(world, eve, token).scopes == {Scope.READ}
    refused(world, "ada", token)


def test_an_unknown_name_a_wrong_password_and_a_disabled_person_look_the_same(world, eve, counted):
    told = {refused(world, eve, BETTER), refused(world, "nobody-here", BETTER), refused(world, "ada", BETTER)}
    assert len(counted) == 3, "each must cost the same work"
    world.use.access.change_principal(world.local, eve, PrincipalChange(disabled=True))
    told.add(refused(world, eve, GOOD))
    assert len(told) == 1


def test_a_right_pair_is_worked_out_once_in_a_while(world, eve, counted):
    for _ in range(5):
        sign_in(world, eve, GOOD)
    assert len(counted) == 1
    world.clock.at += passwords.RIGHT_FOR + timedelta(seconds=1)
    sign_in(world, eve, GOOD)
    assert len(counted) == 2


def test_the_same_wrong_pair_is_worked_out_once_in_a_while(world, eve, counted):
    for _ in range(5):
        refused(world, eve, BETTER)
    assert len(counted) == 1
    world.clock.at += passwords.WRONG_FOR + timedelta(seconds=1)
    refused(world, eve, BETTER)
    assert len(counted) == 2


def test_what_is_remembered_holds_neither_name_nor_password(world, eve):
    sign_in(world, eve, GOOD)
    refused(world, eve, BETTER)
    kept = world.use.access.sign_ins
    for mark in (*kept._right, *kept._wrong):
        assert len(mark) == 32
    held = repr(vars(kept))
    assert GOOD not in held
    assert BETTER not in held


def test_a_changed_password_ends_the_one_before_at_once(world, eve):
    sign_in(world, eve, GOOD)
    refused(world, eve, BETTER)
    world.use.people.set_password(world.local, eve, BETTER)
    refused(world, eve, GOOD)
    assert sign_in(world, eve, BETTER).name == eve


def test_a_disabled_person_is_out_at_once(world, eve):
    sign_in(world, eve, GOOD)
    world.use.access.change_principal(world.local, eve, PrincipalChange(disabled=True))
    refused(world, eve, GOOD)
    world.use.access.change_principal(world.local, eve, PrincipalChange(disabled=False))
    assert sign_in(world, eve, GOOD).name == eve


def test_guessing_takes_few_threads_and_is_told_to_wait(world, eve, monkeypatch):
    let_go, running = threading.Event(), threading.Semaphore(0)

    def slow(*_):
        running.release()
        let_go.wait(10)
        return b"0" * 32

    monkeypatch.setattr(passwords, "_derive", slow)
    monkeypatch.setattr(passwords, "WAIT_S", 10.0)
    room = passwords.AT_ONCE + passwords.WAITING
    answers = []

    def guess(number):
        try:
            sign_in(world, eve, f"guess number {number}")
        except (DeniedError, UnavailableError) as error:
            answers.append(type(error))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(room + 3)]
    for thread in threads:
        thread.start()
    for _ in range(passwords.AT_ONCE):
        assert running.acquire(timeout=10)
    while len(answers) < 3:
        threads[0].join(0.01)
    assert answers == [UnavailableError] * 3
    assert not running.acquire(blocking=False), "more ran at once than may"
    let_go.set()
    for thread in threads:
        thread.join()
    assert answers.count(DeniedError) == room


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "a" * 40,
        "password1234",
        "Password1234",
        "x" * 257,
        "with a\x00zero inside",
        "two\nlines of text",
        "assay_looks like a token",
        "",
    ],
)
def test_bad_passwords_are_refused_without_repeating_them(world, password, counted):
    with pytest.raises(BadInputError) as caught:
        world.use.people.create(world.local, "eve", password)
    assert caught.value.reasons[0].field == "password"
    assert not password or password not in f"{caught.value} {caught.value.reasons}"
    assert not counted
    with pytest.raises(NotFoundError):
        world.use.people.get(world.local, "eve")


def test_a_name_is_no_password(world):
    name = "a-rather-long-name"
    with pytest.raises(BadInputError):
        world.use.people.create(world.local, name, name)


def test_one_letter_typed_in_two_ways_is_one_password(world, counted):
    world.use.people.create(world.local, "eve", "garçon de café noir")
    assert sign_in(world, "eve", "garc\u0327on de cafe\u0301 noir").name == "eve"


def test_only_an_admin_makes_people_known_and_sets_their_passwords(world, eve):
    caller = sign_in(world, eve, GOOD)
    for act in (
        lambda: world.use.people.create(caller, "mallory", GOOD),
        lambda: world.use.people.set_password(caller, "ada", BETTER),
        lambda: world.use.people.set_admin(caller, eve, admin=True),
        lambda: world.use.people.remove(caller, "ada"),
        lambda: world.use.people.all(caller),
        lambda: world.use.people.get(caller, "ada"),
        lambda: world.use.people.get(caller, "nobody-here"),
    ):
        with pytest.raises(DeniedError):
            act()
    assert world.use.people.get(caller, eve).name == eve


def test_ones_own_password_changes_only_by_the_one_before(world, eve):
    caller = sign_in(world, eve, GOOD)
    change = world.use.people.set_password
    for current, said in (("", "required"), (BETTER, "does not match")):
        with pytest.raises(BadInputError, match=said):
            change(caller, eve, BETTER, current)
    with pytest.raises(BadInputError, match="differ"):
        change(caller, eve, GOOD, GOOD)
    change(caller, eve, BETTER, GOOD)
    assert sign_in(world, eve, BETTER).name == eve


def test_who_sits_at_the_machine_and_services_have_no_password(world):
    world.use.access.create_principal(world.local, NewPrincipal("ci", "service", owner="ben"))
    for name in ("ci", "local"):
        with pytest.raises(BadInputError, match="username"):
            world.use.people.set_password(world.local, name, GOOD)
        refused(world, name, GOOD)


def test_who_was_let_go_has_nothing_left_and_the_name_is_not_given_again(world, eve):
    token = world.use.access.create_token(world.local, NewToken(("read",), principal=eve)).text
    sign_in(world, eve, GOOD)
    world.use.people.remove(world.local, eve)
    refused(world, eve, GOOD)
    with pytest.raises(DeniedError):
        world.use.access.authenticate(token)
    assert world.use.access.grants(world.local, eve) == ()
    with pytest.raises(NotFoundError):
        world.use.people.get(world.local, eve)
    with pytest.raises(ConflictError):
        world.use.people.create(world.local, eve, BETTER)
    world.use.access.change_principal(world.local, eve, PrincipalChange(disabled=False))
    refused(world, eve, GOOD)


def test_nobody_lets_themselves_go_and_nobody_stops_being_admin_alone(world):
    with pytest.raises(BadInputError):
        world.use.people.remove(world.local, "local")
    with pytest.raises(BadInputError):
        world.use.people.set_admin(world.local, "local", admin=False)


def test_an_admin_is_made_and_unmade(world, eve):
    assert world.use.people.set_admin(world.local, eve, admin=True).is_admin
    caller = sign_in(world, eve, GOOD)
    assert world.use.people.all(caller)
    assert not world.use.people.set_admin(world.local, eve, admin=False).is_admin
    with pytest.raises(DeniedError):
        world.use.people.all(sign_in(world, eve, GOOD))
    assert [each.pattern for each in sign_in(world, eve, GOOD).grants] == ["team/*"]


def test_who_is_an_admin_no_more_has_the_grant_from_before_again(world, eve):
    give = world.use.access.grant
    give(world.local, NewGrant(eve, "approver", "*", ("staging",)))
    before = world.use.access.grants(world.local, eve)
    for _ in range(2):
        assert world.use.people.set_admin(world.local, eve, admin=True).is_admin
        assert not world.use.people.set_admin(world.local, eve, admin=False).is_admin
        assert world.use.access.grants(world.local, eve) == before
    assert world.events()[-1].verb == "grant.set"
    world.use.people.set_admin(world.local, eve, admin=True)
    world.use.access.revoke_grant(world.local, eve, "*")
    world.use.people.set_admin(world.local, eve, admin=True)
    world.use.people.set_admin(world.local, eve, admin=False)
    assert [each.pattern for each in world.use.access.grants(world.local, eve)] == ["team/*"]


def test_every_act_is_in_the_log_and_no_password_is(world, eve):
    caller = sign_in(world, eve, GOOD)
    world.use.people.set_password(caller, eve, BETTER, GOOD)
    world.use.people.set_admin(world.local, eve, admin=True)
    world.use.people.remove(world.local, eve)
    about = [event for event in world.events() if event.subject == "principal/eve"]
    assert [event.verb for event in about] == [
        "principal.create",
        "password.set",
        "grant.set",
        "password.set",
        "grant.set",
        "grant.revoke",
        "grant.revoke",
        "principal.change",
    ]
    with world.means.database.read() as records:
        assert records.passwords.get(eve) is None
    log = json.dumps([plain(event) for event in world.events()])
    assert GOOD not in log
    assert BETTER not in log
    assert world.use.heads.verify(world.local).whole
