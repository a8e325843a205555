"""An HTTP client that speaks to an ASGI application in this process."""

import asyncio

import httpx


class AppClient(httpx.Client):
    """Sends each request to ``app``; what the application raises after its answer is the server's to see."""

    def __init__(self, app, base_url="http://127.0.0.1:8640"):
        super().__init__(transport=_Transport(app), base_url=base_url)


class _Transport(httpx.BaseTransport):
    def __init__(self, app):
        self._app = app

    def handle_request(self, request):
        return asyncio.run(self._answer(request))  # threads of a test may share a client, but not a loop

    async def _answer(self, request):
        said = []

        async def receive():
            return {"type": "http.request", "body": request.read(), "more_body": False}

        async def send(message):
            said.append(message)

        path, _, query = request.url.raw_path.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": httpx.URL(request.url).path,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": [(key.lower(), value) for key, value in request.headers.raw],
            "client": ("127.0.0.1", 40000),
            "server": (request.url.host, request.url.port),
        }
        try:
            await self._app(scope, receive, send)
        except Exception:
            if not said:
                raise
        body = b"".join(each.get("body", b"") for each in said[1:])
        return httpx.Response(said[0]["status"], headers=said[0]["headers"], content=body)
