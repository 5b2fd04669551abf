"""Read curl command lines as requests."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from .cmd import cmd_commands, is_cmd
from .powershell import has_backticks, powershell_words
from .rest_request import RestRequest, Unreadable, is_authorizing, named_file
from .shell import commands as shell_commands

# Options with a value that do not change the request. Others are handled below.
_IGNORED = """
    -A --user-agent -b --cookie -c --cookie-jar -C --continue-at -D --dump-header -e --referer -E --cert -H --header
    -h --help -K --config -m --max-time -o --output -P --ftp-port -Q --quote -r --range -t --telnet-option -u --user
    -U --proxy-user -w --write-out -x --proxy -y --speed-time -Y --speed-limit -z --time-cond --abstract-unix-socket
    --alt-svc --aws-sigv4 --cacert --capath --cert-type --ciphers --connect-timeout --connect-to --create-file-mode
    --crlfile --curves --delegation --dns-interface --dns-ipv4-addr --dns-ipv6-addr --dns-servers --doh-url --ech
    --egd-file --engine --etag-compare --etag-save --expect100-timeout --form-escape --ftp-account
    --ftp-alternative-to-user --ftp-method --ftp-ssl-ccc-mode --happy-eyeballs-timeout-ms --haproxy-clientip
    --hostpubmd5 --hostpubsha256 --hsts --interface --ip-tos --ipfs-gateway --keepalive-cnt --keepalive-time --key
    --key-type --krb --libcurl --limit-rate --local-port --login-options --mail-auth --mail-from --mail-rcpt
    --max-filesize --max-redirs --netrc-file --noproxy --oauth2-bearer --output-dir --parallel-max --pass
    --pinnedpubkey --postquote --prequote --preproxy --proto --proto-default --proto-redir --proxy-cacert
    --proxy-capath --proxy-cert --proxy-cert-type --proxy-ciphers --proxy-crlfile --proxy-header --proxy-key
    --proxy-key-type --proxy-pass --proxy-pinnedpubkey --proxy-service-name --proxy-tls13-ciphers
    --proxy-tlsauthtype --proxy-tlspassword --proxy-tlsuser --proxy1.0 --pubkey --random-file --rate
    --request-target --resolve --retry --retry-delay --retry-max-time --sasl-authzid --service-name --socks4
    --socks4a --socks5 --socks5-gssapi-service --socks5-hostname --sigalgs --stderr --tftp-blksize --tls-max
    --tls13-ciphers --tlsauthtype --tlspassword --tlsuser --trace --trace-ascii --trace-config --unix-socket
    --upload-flags --variable --vlan-priority
"""
_DATA = frozenset({"-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--data-urlencode", "--json"})
_UPLOADS = frozenset({"-F", "--form", "--form-string", "-T", "--upload-file"})
_CREDENTIALS = frozenset({"-b", "--cookie", "-u", "--user", "--oauth2-bearer"})
_VALUED = frozenset(_IGNORED.split()) | _DATA | _UPLOADS | {"-X", "--request", "--url", "--url-query"}
_CURL = re.compile(r"(?:.*/)?curl(?:\.exe)?")
# The pattern does not span lines, since the time of a search would then be quadratic in their number.
_CURL_LINE = re.compile(r"^[ \t]*(?:\$[ \t]+)?(?:\w+=\S*[ \t]+)*(?:\S*/)?curl(?:\.exe)?\s", re.MULTILINE)


def is_curl(text: str) -> bool:
    return _CURL_LINE.search(text) is not None


def read_curl(text: str) -> list[RestRequest]:
    """Return the requests of all curl commands in a text, of any shell. Raises `Unreadable`."""
    line = _CURL_LINE.search(text)
    is_of_cmd = line is not None and is_cmd(text, line.end())
    commands = cmd_commands if is_of_cmd else powershell_words if has_backticks(text) else shell_commands
    try:
        found = [request for words in commands(text) for request in _requests(words)]
    except ValueError as exc:
        raise Unreadable(f"The command line cannot be read: {exc}.") from exc
    if not found:
        raise Unreadable("The curl command names no URL.")
    return found


def _requests(words: list[str]) -> Iterator[RestRequest]:
    # A prompt, or variables for the command, may precede it.
    start = next((index for index, word in enumerate(words) if _CURL.fullmatch(word)), None)
    if start is None or not all(word == "$" or "=" in word for word in words[:start]):
        return
    method, urls, data, asked, problem = None, list[str](), list[str](), list[str](), None
    json, as_query, head, authorized = False, False, False, False
    for option, value in _options(words[start + 1 :]):
        if option in ("-X", "--request"):
            method = value.upper()
        elif option in ("", "--url"):
            urls.append(value)
        elif option == "--url-query":
            asked.append(value[1:] if value.startswith("+") else _encoded(value))
        elif option in _DATA:
            json = json or option == "--json"
            if value.startswith("@") and option not in ("--data-raw", "--data-urlencode"):
                problem = f"Its body is in {named_file(value[1:])}: put the file's text in place of it and its @."
            data.append(_encoded(value) if option == "--data-urlencode" else value)
        elif option in _UPLOADS:
            problem = "It sends a form or a file; the REST calls take JSON."
        authorized = authorized or option in _CREDENTIALS or (option in ("-H", "--header") and is_authorizing(value))
        as_query = as_query or option in ("-G", "--get")
        head = head or option in ("-I", "--head")
    body = ("" if json else "&").join(data) if data else None
    if as_query:
        asked = [*([body] if body else []), *asked]
        body = None
    default = "HEAD" if head else "GET" if body is None else "POST"
    for url in urls:
        joint = "" if not asked else "&" if "?" in url else "?"
        written = f"{url}{joint}{'&'.join(asked)}"
        yield RestRequest(method or default, written, body, problem=problem, authorized=authorized)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value ("" for none). Other words are URLs, under the name ""."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--") and len(word) > 2:
            yield word, next(rest, "") if word in _VALUED else ""
        elif word.startswith("-") and len(word) > 1 and word != "--":
            yield from _short(word[1:], rest)
        elif word not in ("-", "--"):
            yield "", word


def _short(letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield options of one letter that are written together, the last with its value: `-sXPOST`."""
    for index, letter in enumerate(letters):
        option = f"-{letter}"
        if option in _VALUED:
            yield option, letters[index + 1 :] or next(rest, "")
            return
        yield option, ""


def _encoded(value: str) -> str:
    name, equals, content = value.partition("=")
    return f"{name}{equals}{quote(content, safe='')}" if equals else quote(value, safe="")
