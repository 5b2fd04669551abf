"""`RestRequest`: a REST request that was read from a pasted text."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# A placeholder for an unknown value: {{token}} (Postman, .http files), $TOKEN (a shell).
PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|\$\{?\w+\}?")
# The supported forms, for messages.
READ = (
    "curl commands (of a shell, of cmd or of PowerShell), Invoke-WebRequest and Invoke-RestMethod, HTTP requests "
    "(.http files), JSON bodies with their path or below a line such as `// POST /api/v3/reporting`, Postman "
    "collections and HAR files"
)
_AUTHORIZING = re.compile(r"(?:proxy-)?authorization|x-api-key|cookie", re.IGNORECASE)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class RestRequest:
    method: str
    url: str
    body: str | None = None
    # The name in the file.
    name: str = ""
    # Why a part of it is not known.
    problem: str | None = None
    # Whether it has a token or a password outside its body. These are not read, and not compared.
    authorized: bool = field(default=False, compare=False)

    @property
    def path(self) -> str:
        """Return the path of the URL, with its placeholders. The host may be a placeholder or absent."""
        url = self.url.strip()
        if scheme := _SCHEME.match(url):
            url = url[scheme.end() :]
        _, slash, path = url.partition("/")
        return slash + urlsplit("//host/" + path).path[1:]

    @property
    def query(self) -> str:
        return self.url.partition("#")[0].partition("?")[2]

    def __str__(self) -> str:
        what = f"{self.method} {self.path}"
        return f"{self.name} ({what})" if self.name else what


def is_authorizing(header: str) -> bool:
    """Return whether a header (`Name: value`, or only the name) has credentials."""
    return _AUTHORIZING.fullmatch(header.partition(":")[0].strip()) is not None


def named_file(name: str) -> str:
    """Refer to the file of a body in a message. A long name is not quoted, since it is probably the body itself."""
    return f"the file {name}" if len(name) <= 100 and name.isprintable() else "a file"


class Unreadable(ValueError):  # noqa: N818 - named for what happened
    """The text holds no REST request, or its form is broken."""
