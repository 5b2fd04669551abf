"""GraphiQL, built from npm packages at install time and served from this process alone."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

BUNDLE = Path(__file__).parent / "graphiql"

# Monaco writes its own styles; nothing else is loosened, and no other host is reachable from the page.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class GraphiQL:
    """The page and its assets. Raises `FileNotFoundError` where the bundle was not built."""

    def __init__(self, bundle: Path = BUNDLE) -> None:
        self._html = (bundle / "index.html").read_text(encoding="utf-8")
        self._bundle = bundle

    def page(self) -> Response:
        return HTMLResponse(
            self._html,
            headers={
                "Content-Security-Policy": CONTENT_SECURITY_POLICY,
                "Cache-Control": "no-cache",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def route(self) -> BaseRoute:
        async def page(_: Request) -> Response:
            return self.page()

        files = StaticFiles(directory=self._bundle)
        # The page by its file's name has the page's policy, too.
        return Mount("/graphiql", routes=[Route("/index.html", page), Mount("/", files)], name="graphiql")
