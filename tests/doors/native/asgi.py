"""One request to an ASGI application, chunk by chunk, from an address of the test's choice."""

import asyncio
import json
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self):
        """The body as a document."""
        return json.loads(self.body)


def ask(app, method, path, headers=(), *, chunks=(b"",), whole=True, client="127.0.0.1", query=None):
    """Send one request; with ``whole`` False the sender goes away after the chunks.

    Without a ``query`` of its own it is what stands behind the first question mark of ``path``.
    """
    answer = Answer()
    if query is None:
        path, _, query = path.partition("?")
    events = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if whole:
        events[-1]["more_body"] = False
    sent = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]
    if not any(name == b"host" for name, _ in sent):
        sent.append((b"host", b"127.0.0.1:8640"))

    async def receive():
        return events.pop(0) if events else {"type": "http.disconnect"}

    async def send(event):
        if event["type"] == "http.response.start":
            answer.status = event["status"]
            answer.headers = {name.decode(): value.decode() for name, value in event["headers"]}
            answer.cookies = [value.decode() for name, value in event["headers"] if name == b"set-cookie"]
        else:
            answer.body += event.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": sent,
        "client": (client, 40000),
        "server": ("127.0.0.1", 8640),
    }
    asyncio.run(app(scope, receive, send))
    return answer
