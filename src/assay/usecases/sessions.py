"""Sessions: browsers that somebody signed in with, until they leave, are idle, or the sign-in ends."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from assay.core.access import Caller
from assay.core.errors import DeniedError, NotFoundError
from assay.core.ports import Records
from assay.core.sign_in import Session
from assay.core.tokens import secret_hash
from assay.usecases.access import caller_of
from assay.usecases.arriving import Arrival
from assay.usecases.means import Act, Means
from assay.usecases.people import require_self_or_admin

TOUCH_EVERY: Final = timedelta(minutes=1)


class BrowserSessions:
    """Tells who comes with a session, and ends them."""

    def __init__(self, means: Means) -> None:
        """Keep the means."""
        self._means = means

    def caller(self, cookie: str) -> Caller:
        """Return who comes with this session.

        Raises:
            DeniedError: there is no such session, it ended, or its owner is disabled.
        """
        with self._means.database.read() as records:
            now = self._means.clock.now()
            session = self._session(records, cookie, now)
            caller = caller_of(records, session.principal, now)
        if caller is None:
            raise _ended()
        if now - session.last_used_at >= TOUCH_EVERY:
            with self._means.database.write() as records:
                records.sign_in.sessions.touch(session.id, now)
        return caller

    def leave(self, cookie: str) -> None:
        """End a session; to end one that ended before changes nothing.

        Raises:
            DeniedError: there never was such a session.
        """
        with self._means.database.read() as records:  # whoever makes cookies up keeps no writer waiting
            session = _stored(records, cookie)
        if session.revoked_at is not None:
            return
        with self._means.database.write() as records:
            now = self._means.clock.now()
            if records.sign_in.sessions.revoke(session.principal, now, session.id):
                act = Act(records, session.principal, now)
                act.note("session.revoke", f"principal/{session.principal}", {"id": session.id})

    def end_all(self, caller: Caller, name: str) -> int:
        """End every session of somebody: one's own, or as an admin anybody's; return how many there were.

        Raises:
            DeniedError, NotFoundError: the caller may not, or nobody has that name.
        """
        require_self_or_admin(caller, name)
        with self._means.database.write() as records:
            if records.principals.get(name) is None:
                raise NotFoundError(f"there is nobody named {name[:200]!r}")
            act = Act(records, caller.name, self._means.clock.now())
            count = records.sign_in.sessions.revoke(name, act.at)
            if count:
                act.note("session.revoke", f"principal/{name}", {"sessions": count})
            return count

    def _session(self, records: Records, cookie: str, now: datetime) -> Session:
        session = _stored(records, cookie)
        idle = now - session.last_used_at >= self._means.sign_in.idle
        if session.revoked_at is not None or now >= session.expires_at or idle:
            raise _ended()
        return session


def open_session(means: Means, records: Records, arrival: Arrival) -> str:
    """Store a new session of somebody who arrived, and return what their browser keeps of it."""
    session_id, secret = means.chance.token_parts()
    session = Session(
        id=session_id,
        principal=arrival.principal,
        secret_sha256=secret_hash(secret),
        issuer=arrival.issuer,
        subject=arrival.subject,
        created_at=arrival.at,
        last_used_at=arrival.at,
        expires_at=arrival.until,
    )
    records.sign_in.sessions.sweep(arrival.at)
    records.sign_in.sessions.add(session)
    about = {"id": session_id, "issuer": arrival.issuer, "expires_at": arrival.until}
    if arrival.notice:
        about["notice"] = arrival.notice
    act = Act(records, arrival.principal, arrival.at)
    act.note("session.create", f"principal/{arrival.principal}", after=about)
    return f"{session_id}.{secret}"


def _stored(records: Records, cookie: str) -> Session:
    session_id, secret = _taken_apart(cookie)
    session = records.sign_in.sessions.get(session_id)
    if not _is_its(session, secret) or session is None:
        raise _ended()
    return session


def _taken_apart(cookie: str) -> tuple[str, str]:
    session_id, dot, secret = cookie.partition(".")
    if not dot or len(cookie) > 200:
        raise _ended()
    return session_id, secret


def _is_its(session: Session | None, secret: str) -> bool:
    """Compare in constant time; an unknown session costs as much as a wrong secret."""
    expected = session.secret_sha256 if session else "0" * 64
    return hmac.compare_digest(expected, hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest())


def _ended() -> DeniedError:
    return DeniedError("the session has ended", authenticate=True, hint="sign in again: /auth/login")
