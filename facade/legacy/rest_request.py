"""A REST request as it was found in what somebody pasted."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# What stands for a value that is not known here: {{token}} (Postman, .http files), $TOKEN (a shell).
PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|\$\{?\w+\}?")
# What can be read, as messages say it.
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
    # As the file calls it.
    name: str = ""
    # Why a part of it cannot be told.
    problem: str | None = None
    # Whether it brought a token or a password outside its body. Neither is read, nor part of what is asked.
    authorized: bool = field(default=False, compare=False)

    @property
    def path(self) -> str:
        """The path of the URL, its placeholders as they are; the host may be one, or be left out."""
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
    """Whether a header, `Name: value` or its name alone, says who asks."""
    return _AUTHORIZING.fullmatch(header.partition(":")[0].strip()) is not None


def named_file(name: str) -> str:
    """How to say which file a body is in; what is long is more likely to be the body."""
    return f"the file {name}" if len(name) <= 100 and name.isprintable() else "a file"


class Unreadable(ValueError):  # noqa: N818 - named for what happened
    """The text holds no REST request, or its form is broken."""
