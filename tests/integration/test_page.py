"""How the page and its files are served: compressed, cached without expiry, behind any prefix."""

import asyncio

import brotli
import pytest

from facade.web.middleware.prefix import Prefixed, prefix_of

HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture(scope="module")
def script(facade):
    page = facade.request("GET", "/graphql", headers=HTML).text
    return page.partition('type="module"')[2].partition('src="')[2].partition('"')[0]


@pytest.mark.parametrize(("path", "folder"), [("/graphql", "graphiql/"), ("/api/v3/graphql", "../../graphiql/")])
def test_the_page_names_its_files_from_where_it_stands(facade, path, folder):
    page = facade.request("GET", path, headers=HTML).text
    assert f'src="{folder}assets/' in page
    assert 'src="/' not in page
    assert 'href="/' not in page


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_files_go_out_as_the_build_has_compressed_them_and_are_kept_for_good(facade, script, coding):
    plain = facade.request("GET", f"/{script}", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    with facade.http.stream("GET", f"{facade.url}/{script}", headers={"Accept-Encoding": f"{coding};q=0.5"}) as sent:
        raw = b"".join(sent.iter_raw())
    assert sent.headers["Content-Encoding"] == coding
    assert sent.headers["Content-Type"] == plain.headers["Content-Type"]
    assert "immutable" in sent.headers["Cache-Control"]
    assert "Accept-Encoding" in sent.headers["Vary"]
    assert len(raw) == int(sent.headers["Content-Length"]) < len(plain.content) / 3
    if coding == "br":
        assert brotli.decompress(raw) == plain.content


def test_what_has_no_hash_in_its_name_is_asked_for_anew(facade):
    assert facade.request("GET", "/graphiql/favicon.svg").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("sent", "target"),
    [
        ({}, "./graphql"),
        ({"X-Forwarded-Prefix": "/butlr"}, "/butlr/graphql"),
        ({"X-Forwarded-Prefix": "/a/b/"}, "/a/b/graphql"),
        ({"X-Forwarded-Prefix": "//evil.example"}, "./graphql"),
        ({"X-Forwarded-Prefix": "https://evil.example"}, "./graphql"),
    ],
)
def test_the_root_goes_to_the_page_behind_any_prefix(facade, sent, target):
    answer = facade.request("GET", "/", headers={**HTML, **sent}, follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"] == target


def test_what_names_the_facade_names_it_with_its_prefix(facade, token):
    behind = {"X-Forwarded-Prefix": "/butlr", "Authorization": f"Bearer {token}"}
    assert facade.request("GET", "/api/openapi.json", headers=behind).json()["servers"] == [{"url": "/butlr"}]
    assert facade.request("GET", "/api/openapi.json").json()["servers"] == [{"url": "/"}]
    assert "/butlr" in facade.request("GET", "/api/postman.json", headers=behind).text
    link = facade.request("GET", "/api/v2/hives", headers=behind).headers["Link"]
    assert link == '</butlr/graphql>; rel="successor-version"'


def test_a_query_opened_by_a_browser_is_the_page_and_asked_by_a_program_an_answer(facade):
    query = {"query": "{ __typename }"}
    assert "<html" in facade.request("GET", "/graphql", params=query, headers=HTML).text
    assert facade.request("GET", "/graphql", params=query).json() == {"data": {"__typename": "Query"}}


def test_answers_say_how_many_upstream_calls_they_took(facade, token):
    query = '{ sensors { data { id report(measurements: [presence], start: "-1h") { rows { value } } } } }'
    first, again = (facade.post(query, token=token).headers for _ in range(2))
    assert int(first["X-Upstream-Calls"]) > 1
    assert again["X-Upstream-Calls"] == "0"


class TestRootPath:
    def test_a_prefix_that_the_server_leaves_in_the_path_is_taken_off(self, asgi_app):
        assert asgi_app("/graphql", root="") == ("/graphql", "")
        assert asgi_app("/butlr/graphql", root="/butlr") == ("/graphql", "/butlr")
        # A proxy has taken it off already.
        assert asgi_app("/graphql", root="/butlr") == ("/graphql", "/butlr")
        assert asgi_app("/api/v3/graphql", root="/api/v3x") == ("/api/v3/graphql", "/api/v3x")


@pytest.fixture
def asgi_app():
    def ask(path, root):
        seen = []

        async def app(scope, _receive, _send):
            seen.append((scope["path"], prefix_of(scope)))

        scope = {"type": "http", "path": path, "root_path": root, "headers": []}
        asyncio.run(Prefixed(app)(scope, None, None))
        return seen[0]

    return ask
