"""GraphiQL, built from npm packages at install time. The page loads nothing from other hosts."""

import json
import os
from collections.abc import Mapping
from html import escape
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from .compression import takes
from .middleware.prefix import prefix_of

BUNDLE = Path(__file__).parent / "graphiql"

# Inline styles are allowed for Monaco. Nothing else is, and the page can reach no other host.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# The folder of files whose names contain a hash of their content.
HASHED = "assets/"
FOR_GOOD = "public, max-age=31536000, immutable"
# Compressed files that the build writes beside each file, the smaller first.
ENDINGS = {"br": ".br", "gzip": ".gz"}

_FOLDER = "./"
_SETTINGS = 'name="facade-page" content="{}"'


def is_built(bundle: Path = BUNDLE) -> bool:
    return (bundle / "index.html").is_file()


class GraphiQL:
    """The page and its assets. Raises `FileNotFoundError` if the bundle was not built.

    `sandbox` are the credentials of the simulated upstream, if this facade uses it: the page says so, and fills in its
    login.
    """

    def __init__(self, bundle: Path = BUNDLE, *, sandbox: Mapping[str, str] | None = None) -> None:
        self._html = (bundle / "index.html").read_text(encoding="utf-8")
        self._bundle = bundle
        self._sandbox = sandbox

    def page(self, path: str) -> Response:
        """Return the page for `path`. Its assets are named relative to that path, so that any prefix works."""
        files = "../" * (path.count("/") - 1) + "graphiql/"
        settings = json.dumps({"files": files, "sandbox": self._sandbox})
        html = self._html.replace(f'"{_FOLDER}', f'"{files}')
        return HTMLResponse(
            html.replace(_SETTINGS, f'name="facade-page" content="{escape(settings)}"'),
            headers={
                "Content-Security-Policy": CONTENT_SECURITY_POLICY,
                "Cache-Control": "no-cache",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def route(self) -> BaseRoute:
        async def page(_: Request) -> Response:
            return self.page("/graphiql/index.html")

        files = _Files(directory=self._bundle)
        # The page has its policy also when requested by its file name.
        return Mount("/graphiql", routes=[Route("/index.html", page), Mount("/", files)], name="graphiql")


async def to_the_page(request: Request) -> Response:
    """Redirect a browser from the root to GraphiQL."""
    # A relative path, in case a proxy has a prefix that it does not name.
    target = f"{prefix_of(request.scope) or '.'}/graphql"
    return RedirectResponse(target, 302, {"Cache-Control": "no-store", "Vary": "X-Forwarded-Prefix"})


class _Files(StaticFiles):
    """Serves the built files, in the compressed versions that the build made."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(self._chosen(path, scope), scope)
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = FOR_GOOD if path.startswith(HASHED) else "no-cache"
        return response

    def _chosen(self, path: str, scope: Scope) -> str:
        accepted = Headers(scope=scope).get("accept-encoding", "")
        for coding, ending in ENDINGS.items():
            if takes(accepted, coding) and self.lookup_path(path + ending)[1] is not None:
                return path + ending
        return path

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        for coding, ending in ENDINGS.items():
            if str(full_path).endswith(ending):
                response.headers["Content-Encoding"] = coding
        return response
