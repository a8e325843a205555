"""The native door as an ASGI application."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from assay import __version__
from assay.core.errors import AssayError
from assay.core.ports import Clock
from assay.doors.native.browser import LANDINGS, Browsers
from assay.doors.native.errors import NO_STORE, answer_assay_error, answer_http_error, answer_unexpected
from assay.doors.native.openapi import docs_page, openapi_document
from assay.doors.native.routes import ROUTES
from assay.doors.native.serving import BASE, MAX_JSON_BYTES, Serving
from assay.doors.native.uploads import part_handler
from assay.http.asgi import App
from assay.http.exchanges import current
from assay.http.guard import OriginGuard
from assay.http.redirects import Redirects
from assay.usecases.bundle import UseCases
from assay.wire.codec import encode
from assay.wire.views import ErrorDocument, Health


def native_app(  # noqa: PLR0913 - one for each thing that a door is told of its server
    use: UseCases,
    clock: Clock,
    *,
    loopback: bool,
    anonymous: bool,
    public_url: str = "",
    max_upload_bytes: int = 0,
    redirects: Redirects = Redirects(),  # noqa: B008 - frozen
) -> App:
    """Build the application.

    Args:
        use: the use cases.
        clock: for the health answer.
        loopback: the server is bound to a loopback address, so only local names may reach it.
        anonymous: local requests without a token act as the principal ``local``.
        public_url: how clients reach the server through a proxy, if they do.
        max_upload_bytes: larger files are refused; 0 for any size.
        redirects: who is sent to the store for files.
    """
    serving = Serving(use, anonymous=anonymous, max_upload_bytes=max_upload_bytes, redirects=redirects)
    handlers = [serving.handler(route) for route in ROUTES] + Browsers(use, public_url).handlers()
    app = Litestar(
        [
            *handlers,
            serving.upload_handler(),
            serving.blob_handler(),
            part_handler(serving),
            _health(use, clock),
            *_docs(),
        ],
        openapi_config=None,
        exception_handlers={
            AssayError: answer_assay_error,
            HTTPException: answer_http_error,
            Exception: answer_unexpected,
        },
        request_max_body_size=MAX_JSON_BYTES,
        logging_config=None,
        debug=False,
    )
    return OriginGuard(
        app,  # type: ignore[arg-type]
        _say,
        loopback=loopback,
        public_url=public_url,
        landings=LANDINGS,
    )


def _say(error: AssayError) -> bytes:
    return encode(ErrorDocument.of(error))


def _health(use: UseCases, clock: Clock) -> HTTPRouteHandler:
    # Asked by what restarts servers: it must not wait for others' work.
    own = ThreadPoolExecutor(1, "assay-health")

    async def healthz() -> Response[bytes]:
        asked = current()
        asked.route, asked.quiet = "/healthz", True
        await asyncio.get_running_loop().run_in_executor(own, copy_context().run, use.browsing.ping)
        health = Health("ok", __version__, clock.now())
        return Response(encode(health), media_type="application/json", headers=dict(NO_STORE))

    return HTTPRouteHandler("/healthz", http_method="GET")(healthz)


def _docs() -> list[HTTPRouteHandler]:
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        # Made when first asked for: it costs more than the rest of the start.
        if not made:
            made.update(openapi_document(ROUTES, BASE))
        return made

    def openapi_json() -> Response[bytes]:
        return Response(encode(document()), media_type="application/json", headers=dict(NO_STORE))

    def docs() -> Response[bytes]:
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return Response(docs_page(document()), media_type="text/html; charset=utf-8", headers=headers)

    return [
        HTTPRouteHandler("/docs/openapi.json", http_method="GET", sync_to_thread=True)(openapi_json),
        HTTPRouteHandler("/docs", http_method="GET", sync_to_thread=True)(docs),
    ]
