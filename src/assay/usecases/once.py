"""Once: a request with a key takes effect once, and who asks again is given the first answer.

The answer is kept in the transaction that has the effect, so that there is never one without the other:
a transaction that a use case has finished stays open until its answer is known (:class:`OnceDatabase`).
It is decided when the transaction begins whether the key is new, and writers are serialised; so of two
servers that are given the same key at once the second finds the first one's answer, and nobody has to hold
a key while working. A server that dies has kept nothing and changed nothing.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime
from typing import Final

from assay.core.answers import KEPT_FOR, MAX_KEPT_BYTES, Answer, KeptAnswer, Once
from assay.core.errors import AssayError, ConflictError, Reason, RefusedError, UnavailableError
from assay.core.ports import Clock, Database, Records
from assay.usecases.means import Means

FORGOTTEN_AT_ONCE: Final = 50
RETRY_AFTER_S: Final = 2
_FIELD: Final = "Idempotency-Key"


class _FoundError(Exception):
    """The key is not new any more."""

    def __init__(self, kept: KeptAnswer) -> None:
        super().__init__(kept.id)
        self.kept = kept


class _Effect:
    """The transactions of one request; the last one that was finished is still open."""

    def __init__(self, once: Once, clock: Clock) -> None:
        self._once = once
        self._clock = clock
        self._records: Records | None = None
        self._open = ExitStack()
        self._changed = False
        self._later: list[Callable[[], None]] = []
        self._ready: list[Callable[[], None]] = []

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self._changed

    @contextmanager
    def within(self, database: Database) -> Iterator[Records]:
        """Open a transaction that stays open when its block ends well."""
        self.commit()
        with ExitStack() as stack:
            records = stack.enter_context(database.write())
            kept = records.answers.get(self._once.id)
            now = self._clock.now()
            if kept is not None and not self._changed and not _is_old(kept, now):
                raise _FoundError(kept)
            yield records
            self._records, self._open, self._changed = records, stack.pop_all(), True

    def commit(self, answer: KeptAnswer | None = None) -> None:
        """Commit what is open, with ``answer`` or, while there is none, with a mark that there is not."""
        records, self._records = self._records, None
        if records is None:
            return
        later, self._later = self._later, []
        with self._open:
            now = self._clock.now()
            records.answers.forget(now - KEPT_FOR, FORGOTTEN_AT_ONCE)
            records.answers.keep(answer or KeptAnswer(self._once.id, self._once.fingerprint, now))
        self._ready += later

    def afterwards(self, act: Callable[[], None]) -> None:
        """Keep what is to be done once what is open was committed, and only then."""
        (self._ready if self._records is None else self._later).append(act)

    def clear_up(self) -> None:
        """Do what was to be done afterwards."""
        ready, self._ready = self._ready, []
        for act in ready:
            _cleared_up(act)

    def undo(self, error: AssayError) -> None:
        """Undo what is open."""
        self._records = None
        self._later = []
        self._open.__exit__(type(error), error, error.__traceback__)


_effect: ContextVar[_Effect | None] = ContextVar("assay_effect", default=None)


@contextmanager
def aside() -> Iterator[None]:
    """Let what is done in a block be no part of the effect of the request under way.

    It begins with nothing open, and its transactions are committed at their ends: nobody who writes waits
    while the store is worked on, and what was written is there whatever becomes of the request. For what
    would be done, and may be done, again: what is over is cleared away, what has been found out is noted.

    Raises:
        UnavailableError: what the request has done before cannot be committed.
    """
    effect = _effect.get()
    if effect is not None:
        effect.commit()
    token = _effect.set(None)
    try:
        yield
    finally:
        _effect.reset(token)


def afterwards(act: Callable[[], None]) -> None:
    """Do what only clears up, once the effect of the request is committed, together with its answer.

    It is left out when that fails, and may fail itself: so it must be done again by somebody else then.
    """
    effect = _effect.get()
    if effect is None:
        _cleared_up(act)
    else:
        effect.afterwards(act)


def _cleared_up(act: Callable[[], None]) -> None:
    with suppress(UnavailableError):
        act()


class OnceDatabase:
    """A database whose last transaction stays open until the answer is known, where a key was given."""

    def __init__(self, inner: Database) -> None:
        """Stand in front of ``inner``."""
        self._inner = inner

    @property
    def embedded(self) -> bool:
        """Whether the records are in a file of this machine."""
        return self._inner.embedded

    def read(self) -> AbstractContextManager[Records]:
        """Open one consistent view; what the same request has written before is in it."""
        effect = _effect.get()
        if effect is not None:
            effect.commit()
        return self._inner.read()

    def view(self) -> AbstractContextManager[None]:
        """Let what this thread reads inside the block share one view."""
        return self._inner.view()

    def write(self) -> AbstractContextManager[Records]:
        """Open a transaction."""
        effect = _effect.get()
        return self._inner.write() if effect is None else effect.within(self._inner)

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use, and how many there may be."""
        return self._inner.connections()

    def close(self) -> None:
        """Let go of files and connections."""
        self._inner.close()


class Repeating:
    """Lets requests take effect once."""

    def __init__(self, means: Means) -> None:
        """Keep the means; their database must be one that every use case shares."""
        self._means = means
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def once(
        self, once: Once, act: Callable[[], Answer], say: Callable[[AssayError], Answer]
    ) -> tuple[Answer, bool]:
        """Do ``act``, unless it was done under the same key before.

        A request that changed nothing and failed is not remembered: it may be mended and sent again.

        Args:
            once: the key and the request.
            act: calls use cases and says what is to be answered.
            say: says an error; one that comes after something was changed is kept as well.

        Returns:
            The answer, and whether it is that of an earlier request.

        Raises:
            RefusedError: the key belongs to another request.
            ConflictError: the same request is still under way, or has had an effect and its answer is lost.
            AssayError: whatever ``act`` raises.
        """
        with self._alone(once):
            with self._means.database.read() as records:
                kept = records.answers.get(once.id)
            if kept is not None and not _is_old(kept, self._means.clock.now()):
                return self._again(once, kept), True
            effect = _Effect(once, self._means.clock)
            token = _effect.set(effect)
            try:
                return self._first(once, effect, act, say), False
            except _FoundError as found:
                return self._again(once, found.kept), True
            finally:
                _effect.reset(token)
                effect.commit()
                effect.clear_up()

    def _first(
        self, once: Once, effect: _Effect, act: Callable[[], Answer], say: Callable[[AssayError], Answer]
    ) -> Answer:
        try:
            answer = act()
        except UnavailableError:
            raise  # no answer to be given a second time: trying again may do better
        except AssayError as error:
            if not effect.changed:
                raise
            answer = say(error)
        if not effect.changed:
            with self._means.database.write():
                pass  # nothing to change; the key is taken all the same
        try:
            kept = self._kept(once, answer)
        except UnavailableError as error:
            effect.undo(error)  # a secret that cannot be kept is not given out either
            raise
        effect.commit(kept)
        return answer

    def _kept(self, once: Once, answer: Answer) -> KeptAnswer:
        kept = KeptAnswer(once.id, once.fingerprint, self._means.clock.now(), answer.status, None)
        if len(answer.body) > MAX_KEPT_BYTES:
            return kept
        text = answer.body.decode()
        return replace(kept, body=self._means.seal.close(text) if once.secret else text, sealed=once.secret)

    def _again(self, once: Once, kept: KeptAnswer) -> Answer:
        if kept.fingerprint != once.fingerprint:
            reason = Reason(_FIELD, "was used for another request", "a key is for one request alone")
            raise RefusedError(
                "this idempotency key belongs to another request", [reason], hint="send a fresh key"
            )
        if not kept.status:
            rule = "has had an effect, and its answer is not known (yet)"
            hint = "try again with the same key; if that stays so, look at what is there before a fresh key"
            raise ConflictError(
                "the request with this idempotency key is under way, or was broken off",
                [Reason(_FIELD, rule)],
                hint=hint,
                retry_after_s=RETRY_AFTER_S,
            )
        if kept.body is None:
            rule = f"was answered with {kept.status}, by more than {MAX_KEPT_BYTES} bytes, which are not kept"
            raise ConflictError("this was done already", [Reason(_FIELD, rule)], hint="ask for what was made")
        text = self._means.seal.open(kept.body) if kept.sealed else kept.body
        return Answer(kept.status, text.encode())

    @contextmanager
    def _alone(self, once: Once) -> Iterator[None]:
        with self._lock:
            if once.id in self._running:
                raise ConflictError(
                    "the request with this idempotency key is still under way",
                    [Reason(_FIELD, "is in use at this moment")],
                    hint="wait for its answer, or try again with the same key",
                    retry_after_s=RETRY_AFTER_S,
                )
            self._running.add(once.id)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(once.id)


def _is_old(kept: KeptAnswer, now: datetime) -> bool:
    return kept.made_at < now - KEPT_FOR
