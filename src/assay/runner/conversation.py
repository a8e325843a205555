"""The conversation with the model process: JSON lines, one reply per request, in any tempo.

Requests are written at once and answered by a reader thread, so that a load generator never waits for
the answer to the request before. Nothing the process says is believed: a line that is too long, is no
JSON, or answers nobody ends the conversation with a :class:`ModelProblem` in every open request.
"""

import fcntl
import json
import math
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Final

from assay.core.measuring import ModelProblem
from assay.runner.sandbox import Sandbox, problem_of

_MAX_LINE_BYTES: Final = 4 * 1024**2
_PIPE_BYTES: Final = 1024**2
_REQUEST_BYTES: Final = 64
_END_TIMEOUT_S: Final = 2.0
_JOIN_TIMEOUT_S: Final = 15.0
_Replies = dict[str, Any]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)


class Conversation:
    """Sends requests to the harness in a sandbox; owns the reader thread, not the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Start listening."""
        self._sandbox = sandbox
        self._open: dict[int, Future[_Replies]] = {}
        self._lock = threading.Lock()
        self._next_id = 0
        self._problem: ModelProblem | None = None
        # The writer must never wait on a full pipe: what is under way is kept below what it holds.
        with suppress(OSError):
            fcntl.fcntl(sandbox.input_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        held = fcntl.fcntl(sandbox.input_fd, fcntl.F_GETPIPE_SZ)
        self._most_open = max(1, held // _REQUEST_BYTES - 64)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, op: str, **arguments: Any) -> "Future[_Replies]":
        """Send one request without waiting.

        Returns:
            A future with the reply, or failed with :class:`ModelProblem` when the process is gone,
            too many requests wait already, the model raised, or the process dies before it answers.
        """
        future: Future[_Replies] = Future()
        with self._lock:
            self._next_id += 1
            problem = self._problem
            if problem is None and len(self._open) >= self._most_open:
                problem = ModelProblem(f"more than {self._most_open} requests wait for the model")
            if problem is not None:
                future.set_exception(problem)
                return future
            self._open[self._next_id] = future
            line = json.dumps({"id": self._next_id, "op": op, **arguments}, separators=(",", ":"))
            # The reader notices the end and fails the future.
            with suppress(OSError):
                self._write(line.encode() + b"\n")
        return future

    def ask(self, op: str, *, timeout_s: float, **arguments: Any) -> _Replies:
        """Send one request and wait for the reply.

        Raises:
            ModelProblem: as for :meth:`send`; limit ``time`` when no reply came in time, and then the
                process is ended.
        """
        future = self.send(op, **arguments)
        try:
            return future.result(timeout_s if math.isfinite(timeout_s) else None)
        except TimeoutError:
            self._sandbox.close(limit="time")
            said = f"the model did not answer {op} within {timeout_s:g} s"
            raise ModelProblem(said, limit="time") from None

    def join(self) -> None:
        """Wait until the reader has ended and close the pipes; call it after the sandbox was closed."""
        self._reader.join(_JOIN_TIMEOUT_S)
        if not self._reader.is_alive():
            with self._lock:
                self._sandbox.close_pipes()

    def _write(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._sandbox.input_fd, content) :]

    def _read(self) -> None:
        """Hand out replies until the stream ends or stops making sense."""
        reason = ""
        rest = b""
        while not reason:
            try:
                chunk = os.read(self._sandbox.output_fd, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            reasons = (self._hand_out(line) for line in lines)
            reason = next((each for each in reasons if each), "")
            if len(rest) > _MAX_LINE_BYTES:
                reason = "a line without end"
        self._fail_all(reason)

    def _hand_out(self, line: bytes) -> str:
        """Resolve the request that a line answers; return why it makes no sense, or ""."""
        try:
            reply = _DECODER.decode(line.decode())
        except (ValueError, RecursionError):
            return f"no JSON: {line[:80]!r}"
        number = reply.get("id") if isinstance(reply, dict) else None
        future = self._open.pop(number, None) if isinstance(number, int) else None
        if future is None:
            return f"an answer to nothing: {line[:80]!r}"
        # A caller may have cancelled it.
        with suppress(InvalidStateError):
            if "error" in reply:
                future.set_exception(_problem_in(reply))
            else:
                future.set_result(reply)
        return ""

    def _fail_all(self, reason: str) -> None:
        """End the process and fail what is still open."""
        ending = self._sandbox.close() if reason else self._sandbox.settle(_END_TIMEOUT_S)
        if reason:
            problem = ModelProblem(f"the model process broke the protocol with {reason}")
        else:
            problem = problem_of(ending, "the model process", self._sandbox.errors())
        with self._lock:
            self._problem = problem
            left = list(self._open.values())
            self._open.clear()
        for future in left:
            with suppress(InvalidStateError):
                future.set_exception(problem)


def _problem_in(reply: Mapping[str, Any]) -> ModelProblem:
    limit = reply.get("limit")
    known = limit if limit in ("memory", "file size", "time") else ""
    return ModelProblem(str(reply["error"])[:4000], limit=known)
