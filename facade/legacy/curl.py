"""curl's command lines as requests."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from .rest_request import RestRequest, Unreadable, is_authorizing
from .shell import commands

# Options that take a value and say nothing of what is asked, besides those handled below.
_IGNORED = """
    -A --user-agent -b --cookie -c --cookie-jar -C --continue-at -D --dump-header -e --referer -E --cert -H --header
    -K --config -m --max-time -o --output -P -Q --quote -r --range -t -u --user -U --proxy-user -w --write-out
    -x --proxy -y --speed-time -Y --speed-limit -z --time-cond --cacert --capath --cert-type --ciphers --connect-timeout
    --connect-to --dns-servers --interface --keepalive-time --key --key-type --limit-rate --max-filesize --max-redirs
    --noproxy --oauth2-bearer --output-dir --pass --pinnedpubkey --proto --proxy-header --resolve --retry
    --retry-delay --retry-max-time --socks5 --socks5-hostname --tls-max --trace --trace-ascii --unix-socket
"""
_DATA = frozenset({"-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--data-urlencode", "--json"})
_UPLOADS = frozenset({"-F", "--form", "--form-string", "-T", "--upload-file"})
_CREDENTIALS = frozenset({"-b", "--cookie", "-u", "--user", "--oauth2-bearer"})
_VALUED = frozenset(_IGNORED.split()) | _DATA | _UPLOADS | {"-X", "--request", "--url"}
_CURL = re.compile(r"(?:.*/)?curl(?:\.exe)?")
# Within one line each: over several, the time that a search takes would be the square of their number.
_CURL_LINE = re.compile(r"^[ \t]*(?:\$[ \t]+)?(?:\w+=\S*[ \t]+)*(?:\S*/)?curl(?:\.exe)?\s", re.MULTILINE)


def is_curl(text: str) -> bool:
    return _CURL_LINE.search(text) is not None


def read_curl(text: str) -> list[RestRequest]:
    """The requests of all curl commands in a text. Raises `Unreadable`."""
    try:
        found = [request for words in commands(text) for request in _requests(words)]
    except ValueError as exc:
        raise Unreadable(f"The command line cannot be read: {exc}.") from exc
    if not found:
        raise Unreadable("The curl command names no URL.")
    return found


def _requests(words: list[str]) -> Iterator[RestRequest]:
    # A prompt, or variables set for the command, may come before it.
    start = next((index for index, word in enumerate(words) if _CURL.fullmatch(word)), None)
    if start is None or not all(word == "$" or "=" in word for word in words[:start]):
        return
    method, urls, data, problem = None, list[str](), list[str](), None
    json, as_query, head, authorized = False, False, False, False
    for option, value in _options(words[start + 1 :]):
        if option in ("-X", "--request"):
            method = value.upper()
        elif option in ("", "--url"):
            urls.append(value)
        elif option in _DATA:
            json = json or option == "--json"
            if value.startswith("@") and option not in ("--data-raw", "--data-urlencode"):
                problem = f"Its body is in the file {value[1:]}: put the file's text in place of `{value}`."
            data.append(_encoded(value) if option == "--data-urlencode" else value)
        elif option in _UPLOADS:
            problem = "It sends a form or a file; the REST calls take JSON."
        authorized = authorized or option in _CREDENTIALS or (option in ("-H", "--header") and is_authorizing(value))
        as_query = as_query or option in ("-G", "--get")
        head = head or option in ("-I", "--head")
    body = ("" if json else "&").join(data) if data else None
    for url in urls:
        if as_query:
            joint = "&" if "?" in url else "?"
            written = f"{url}{joint}{body}" if body else url
            yield RestRequest(method or "GET", written, problem=problem, authorized=authorized)
        else:
            default = "HEAD" if head else "GET" if body is None else "POST"
            yield RestRequest(method or default, url, body, problem=problem, authorized=authorized)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Each option with its value, "" for none; what is no option is a URL, under the name ""."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--") and len(word) > 2:
            yield word, next(rest, "") if word in _VALUED else ""
        elif word.startswith("-") and len(word) > 1 and word != "--":
            yield from _short(word[1:], rest)
        elif word not in ("-", "--"):
            yield "", word


def _short(letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Options of one letter may be written together, the last with its value: `-sXPOST`."""
    for index, letter in enumerate(letters):
        option = f"-{letter}"
        if option in _VALUED:
            yield option, letters[index + 1 :] or next(rest, "")
            return
        yield option, ""


def _encoded(value: str) -> str:
    name, equals, content = value.partition("=")
    return f"{name}{equals}{quote(content, safe='')}" if equals else quote(value, safe="")
