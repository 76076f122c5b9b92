"""The server behind the page: on this machine only, for whoever holds the token.

It listens on the loopback address. A browser is let in by the token of the address that was
printed, which becomes a cookie that no script reads and no other site sends. Names of hosts other
than this machine's are refused (a page elsewhere may point its own name at this address), and so is
every change that does not come from the page itself.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AllianceStatsError
from . import columns, showing
from .desk import LARGEST_FILE, Desk, too_large

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

LOOPBACK = "127.0.0.1"
STATIC = Path(__file__).with_name("static")
PAGES = {"app.js": "text/javascript", "app.css": "text/css"}
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
MADE = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:"
"""Of the report, which holds no script."""
DRAWN = f"{MADE}; script-src 'unsafe-inline'; sandbox allow-scripts"
"""Of the explorer: its script draws, and reaches nothing of this page."""
HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
FROM_THE_PAGE = "x-alliance-stats"
"""A header that a form of another site cannot send."""
LARGEST_CALL = 2 * 2**20


def require_app() -> None:
    """Refuse in words where what serves the page is not installed."""
    missing = [name for name in ("starlette", "uvicorn", "vl_convert") if find_spec(name) is None]
    if missing:
        raise AllianceStatsError(
            f"The page needs {' and '.join(missing)}, which are not installed. Install them with: "
            'python -m pip install "alliance-stats[app]"'
        )


def serve(folder: Path | None, *, open_browser: bool, tell: Callable[[str], None]) -> None:
    """Serve the page until it is closed there or with Ctrl-C; what was not saved is gone then."""
    require_app()
    import uvicorn

    desk, token = Desk(folder), secrets.token_urlsafe(32)
    listening = socket.socket()
    try:
        listening.bind((LOOPBACK, 0))
        port = listening.getsockname()[1]
        address = f"http://{LOOPBACK}:{port}/?token={token}"
        made = make_app(desk, token, port)
        server = uvicorn.Server(
            uvicorn.Config(made, log_level="critical", access_log=False, server_header=False)
        )
        made.state.leave = lambda: setattr(server, "should_exit", True)
        tell(f"The page is at {address}")
        tell("It is on this machine only. Close it there, or with Ctrl-C.")
        if open_browser:
            threading.Timer(0.7, webbrowser.open, [address]).start()
        server.run(sockets=[listening])
    finally:
        listening.close()
        desk.close()


def make_app(desk: Desk, token: str, port: int) -> Starlette:
    """Return the application of a desk."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    calls = _Calls(desk)
    made = Starlette(
        routes=[
            Route("/", calls.page),
            Route("/static/{name}", calls.static),
            Route("/state", calls.state),
            Route("/sheet", calls.sheet),
            Route("/files/{name:path}", calls.put, methods=["PUT"]),
            Route("/files/{name:path}", calls.delete, methods=["DELETE"]),
            Route("/choose", calls.choose, methods=["POST"]),
            Route("/report", calls.make_report, methods=["POST"]),
            Route("/explorer", calls.make_explorer, methods=["POST"]),
            Route("/explorer", calls.explorer),
            Route("/report/{path:path}", calls.report),
            Route("/study.zip", calls.archive),
            Route("/save", calls.save, methods=["POST"]),
            Route("/leave", calls.leave, methods=["POST"]),
        ],
        exception_handlers={AllianceStatsError: _refused, Exception: _failed, 404: _not_there,
                            405: _not_there},
    )  # fmt: skip
    made.state.leave = lambda: None
    made.add_middleware(_Gate, token=token, port=port)
    return made


def said(text: str, status: int) -> Response:
    """Return a sentence as the answer."""
    from starlette.responses import JSONResponse

    return JSONResponse({"error": text}, status, headers=HEADERS)


def _refused(_: Request, error: Exception) -> Response:
    return said(str(error), 422)


def _failed(_: Request, error: Exception) -> Response:
    return said(f"{type(error).__name__}: {error} (unexpected; nothing was changed.)", 500)


def _not_there(_: Request, __: Exception) -> Response:
    return said("There is nothing here under this name.", 404)


class _Gate:
    """Lets in whoever holds the token, from this machine, and changes from the page only."""

    def __init__(self, app: Any, token: str, port: int) -> None:
        self.app, self.token, self.port = app, token, port
        self.hosts = {f"{LOOPBACK}:{port}", f"localhost:{port}"}
        self.cookie = f"alliance_stats_{port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request

        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = self.answer(Request(scope))
        await (answer or self.app)(scope, receive, send)

    def answer(self, request: Request) -> Response | None:
        """Return a refusal, or the way in; None where the application is to answer."""
        from starlette.responses import RedirectResponse

        if request.headers.get("host") not in self.hosts:
            return said("This page answers under the name of this machine only.", 400)
        given = request.query_params.get("token")
        if given is not None and request.url.path == "/":
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                return said("The token is wrong; open the address that was printed.", 403)
            inside = RedirectResponse("/", 303, HEADERS)
            inside.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
            return inside
        held = request.cookies.get(self.cookie, "")
        if not hmac.compare_digest(held.encode(), self.token.encode()):
            return said("Open the address that was printed; its token lets you in.", 403)
        if request.method not in ("GET", "HEAD"):
            origin = request.headers.get("origin", f"http://{LOOPBACK}:{self.port}")
            own = origin in {f"http://{host}" for host in self.hosts}
            if not own or FROM_THE_PAGE not in request.headers:
                return said("Only the page itself may change something.", 403)
        return None


class _Calls:
    """What the page asks for. Work on data runs in threads, so that the page goes on answering."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.job: dict[str, Any] = {"what": "", "done": 0, "steps": 0, "error": "", "ready": []}
        self.explored = ""

    def _json(self, value: Any) -> Response:
        from starlette.responses import JSONResponse

        return JSONResponse(value, headers=HEADERS)

    def page(self, _: Request) -> Response:
        from starlette.responses import HTMLResponse

        text = (STATIC / "app.html").read_text("utf-8")
        return HTMLResponse(text, headers={**HEADERS, "content-security-policy": STRICT})

    def static(self, request: Request) -> Response:
        from starlette.responses import Response

        name = request.path_params["name"]
        if name not in PAGES:
            return _not_there(request, Exception())
        return Response((STATIC / name).read_bytes(), media_type=PAGES[name], headers=HEADERS)

    def state(self, request: Request) -> Response:
        if "job" in request.query_params:
            return self._json({"job": self.job})
        return self._json({**showing.view(self.desk), "job": self.job})

    def sheet(self, request: Request) -> Response:
        asked = request.query_params
        row = asked.get("row", "1")
        if not row.isdecimal() or len(row) > 9:
            raise AllianceStatsError("The row of a sheet is a whole number.")
        file, sheet, column = (asked.get(name, "") for name in ("file", "sheet", "column"))
        return self._json(showing.picture(self.desk, file, sheet, int(row), column))

    async def put(self, request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        name = request.path_params["name"]
        content = await _body(request, LARGEST_FILE, too_large(name))
        await run_in_threadpool(self.desk.add, name, content)
        return await run_in_threadpool(self._seen)

    def _seen(self) -> Response:
        self._forget()
        return self._json({**showing.view(self.desk), "job": self.job})

    def _forget(self) -> None:
        if not self.job["what"]:
            self.job = {"what": "", "done": 0, "steps": 0, "error": "", "ready": []}

    def delete(self, request: Request) -> Response:
        self.desk.remove(request.path_params["name"])
        return self._seen()

    async def choose(self, request: Request) -> Response:
        import json

        from starlette.concurrency import run_in_threadpool

        body = await _body(request, LARGEST_CALL, "This is more than any choice holds.")
        try:
            asked = json.loads(body)
            json.dumps(asked, ensure_ascii=False).encode()  # half a character is no text of a file
            kind = asked.pop("kind")
            call = {one: getattr(self, f"_choose_{one}") for one in CHOICES}[kind]
            await run_in_threadpool(call, **asked)
        except AllianceStatsError:
            raise
        except (TypeError, KeyError, IndexError, AttributeError, ValueError, OverflowError,
                RecursionError) as error:  # fmt: skip
            raise AllianceStatsError("The page asked for a choice that there is not.") from error
        return await run_in_threadpool(self._seen)

    def _choose_role(self, file: str, sheet: str, column: str, role: str) -> None:
        words = self.desk.words(file, sheet, column) if role == "reason" else []
        own = self.desk.columns(file, sheet)
        self.desk.change(lambda m: columns.choose_role(m, file, sheet, column, role, own, words))

    def _choose_score(self, file: str, sheet: str, column: str, measure: str, rater: str,
                      occasion: str = "") -> None:  # fmt: skip
        self.desk.words(file, sheet, column)
        self.desk.change(lambda m: columns.choose_score(
            m, file, sheet, column, measure=measure, rater=rater, occasion=occasion))  # fmt: skip

    def _choose_measure(self, source: int, entry: int, measure: str, rater: str) -> None:
        self.desk.change(
            lambda m: columns.choose_measure(m, source, entry, measure=measure, rater=rater)
        )

    def _choose_missing(self, source: int, entry: int, value: float) -> None:
        self.desk.change(lambda m: columns.choose_missing(m, source, entry, value))

    def _choose_words(self, file: str, sheet: str, words: dict[str, str]) -> None:
        self.desk.change(lambda m: columns.choose_words(m, file, sheet, words))

    def _choose_name(self, name: str) -> None:
        self.desk.set_name(name)

    def _choose_text(self, text: str) -> None:
        self.desk.set_text(text)

    async def make_report(self, request: Request) -> Response:
        return await self._begin(request, "report", self._report)

    async def make_explorer(self, request: Request) -> Response:
        return await self._begin(request, "explorer", self._explorer)

    async def _begin(self, request: Request, what: str, work: Callable[[bool], None]) -> Response:
        body = await _body(request, LARGEST_CALL, "This is more than any choice holds.")
        if self.job["what"]:
            raise AllianceStatsError("Something is being made already; wait for it.")
        ready = [one for one in self.job["ready"] if one != what]
        self.job = {"what": what, "done": 0, "steps": 1, "error": "", "ready": ready}
        threading.Thread(
            target=self._work, args=(what, work, b"persons" in body), daemon=True
        ).start()
        return self._json({"job": self.job})

    def _work(self, what: str, work: Callable[[bool], None], persons: bool) -> None:
        try:
            work(persons)
            self.job["ready"] = [*self.job["ready"], what]
        except Exception as error:  # said on the page, whatever it is
            own = isinstance(error, AllianceStatsError)
            self.job["error"] = str(error) if own else f"{type(error).__name__}: {error}"
        finally:
            self.job["what"] = ""

    def _report(self, persons: bool) -> None:
        def progress(step: str, done: int, steps: int) -> None:
            self.job |= {"step": step, "done": done, "steps": steps}

        self.desk.report(progress, persons=persons)

    def _explorer(self, persons: bool) -> None:
        self.explored = self.desk.explorer(persons=persons)

    def explorer(self, request: Request) -> Response:
        from starlette.responses import HTMLResponse

        if not self.explored:
            return _not_there(request, Exception())
        return HTMLResponse(self.explored, headers={**HEADERS, "content-security-policy": DRAWN})

    def report(self, request: Request) -> Response:
        from starlette.responses import FileResponse

        root = (self.desk.results / "report").resolve()
        wanted = (root / (request.path_params["path"] or "index.html")).resolve()
        if not wanted.is_relative_to(root) or not wanted.is_file():
            return _not_there(request, Exception())
        return FileResponse(wanted, headers={**HEADERS, "content-security-policy": MADE})

    def archive(self, _: Request) -> Response:
        from starlette.responses import Response

        head = {**HEADERS, "content-disposition": 'attachment; filename="my-study.zip"'}
        return Response(self.desk.archive(), media_type="application/zip", headers=head)

    def save(self, _: Request) -> Response:
        return self._json({"saved": self.desk.save()})

    def leave(self, request: Request) -> Response:
        request.app.state.leave()
        return self._json({})


CHOICES = ("role", "score", "measure", "missing", "words", "name", "text")


async def _body(request: Request, largest: int, refusal: str) -> bytes:
    """Return the body, given up as soon as it is larger than it may be."""
    said_size = request.headers.get("content-length", "0")
    if said_size.isdecimal() and int(said_size) > largest:
        raise AllianceStatsError(refusal)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > largest:
            raise AllianceStatsError(refusal)
        parts.append(part)
    return b"".join(parts)
