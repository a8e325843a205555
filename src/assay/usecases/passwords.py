"""Signing in with a password: hashing, comparing, and not being kept busy by whoever guesses.

scrypt is slow on purpose, so each process remembers for a short while which pairs of name and password
were right and which were wrong. What it remembers is a digest under a key that only this process has
and that ends with it; the stored password is part of it, so a changed password is another pair. At
most a few derivations run at a time: guessing must not take the threads that answer everybody else.
"""

import hashlib
import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.core.errors import UnavailableError
from assay.core.passwords import Cost, StoredPassword, check_password, may_be_password, normal_password
from assay.usecases.means import Means

COST: Final = Cost(n=2**15, r=8, p=3)  # OWASP's least for scrypt; 32 MiB
RIGHT_FOR: Final = timedelta(minutes=5)
WRONG_FOR: Final = timedelta(seconds=30)
MAX_REMEMBERED: Final = 4096
AT_ONCE: Final = 2
WAITING: Final = 4
WAIT_S: Final = 2.0
_KEY_BYTES: Final = 32
# What is compared with where there is nothing: an unknown name costs as much time as a wrong password.
_NOTHING: Final = StoredPassword("", "-" * 43, "00" * _KEY_BYTES, COST, datetime(1970, 1, 1, tzinfo=UTC))


class UnprovenError(Exception):
    """Nobody knows yet whether a password is right: call ``prove``, which takes long, and ask again."""

    def __init__(self, prove: Callable[[], object]) -> None:
        """Keep how it is worked out."""
        super().__init__("the password was not worked out yet")
        self.prove = prove


class SignIns:
    """Tells right passwords from wrong ones; one per process."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means
        self._secret = b""
        self._lock = threading.Lock()
        self._right: OrderedDict[bytes, datetime] = OrderedDict()
        self._wrong: OrderedDict[bytes, datetime] = OrderedDict()
        self._room = threading.BoundedSemaphore(AT_ONCE + WAITING)
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def new(self, owner: str, text: str) -> StoredPassword:
        """Return what is to be stored of a new password.

        Raises:
            BadInputError: the text may not be a password.
            UnavailableError: too many sign in at this moment.
        """
        password = check_password(owner, text)
        salt = self._means.chance.token_parts()[1]
        with self._turn():
            key = _derive(password, salt, COST)
        return StoredPassword(owner, salt, key.hex(), COST, self._means.clock.now())

    def is_right(self, name: str, text: str, stored: StoredPassword | None, *, later: bool = False) -> bool:
        """Tell whether ``text`` is the password that was stored; None is like any wrong one.

        Args:
            name: whose.
            text: what was sent.
            stored: what to compare with.
            later: do not work it out now, which takes long.

        Raises:
            UnprovenError: it is to be worked out later.
            UnavailableError: too many sign in at this moment.
        """
        if not may_be_password(text):
            return False
        password = normal_password(text)
        mark = self._mark(name, password, stored)
        known = self._remembered(mark)
        if known is not None:
            return known
        if later:
            raise UnprovenError(lambda: self._prove(mark, password, stored))
        with self._turn():
            return self._prove(mark, password, stored)

    def _prove(self, mark: bytes, password: str, stored: StoredPassword | None) -> bool:
        known = self._remembered(mark)  # somebody with the same pair was before us in the queue
        if known is not None:
            return known
        against = stored or _NOTHING
        derived = _derive(password, against.salt, against.cost)
        right = hmac.compare_digest(derived, bytes.fromhex(against.key)) and stored is not None
        self._remember(mark, right=right)
        return right

    def _mark(self, name: str, password: str, stored: StoredPassword | None) -> bytes:
        with self._lock:
            if not self._secret:
                self._secret = self._means.chance.token_parts()[1].encode()
        digest = hmac.new(self._secret, digestmod=hashlib.sha256)
        for part in (name, password, stored.salt if stored else "", stored.key if stored else ""):
            content = part.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "big") + content)
        return digest.digest()

    def _remembered(self, mark: bytes) -> bool | None:
        now = self._means.clock.now()
        with self._lock:
            if now < self._right.get(mark, now):
                return True
            return False if now < self._wrong.get(mark, now) else None

    def _remember(self, mark: bytes, *, right: bool) -> None:
        until = self._means.clock.now() + (RIGHT_FOR if right else WRONG_FOR)
        # Two books, so that a flood of wrong pairs does not push the right ones out.
        book = self._right if right else self._wrong
        with self._lock:
            book[mark] = until
            book.move_to_end(mark)
            while len(book) > MAX_REMEMBERED:
                book.popitem(last=False)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            raise UnavailableError("many are signing in at this moment; try again")
        try:
            if not self._turns.acquire(timeout=WAIT_S):
                raise UnavailableError("many are signing in at this moment; try again")
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._room.release()


def _derive(password: str, salt: str, cost: Cost) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt.encode(),
        n=cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=2 * cost.memory_bytes,
        dklen=_KEY_BYTES,
    )
