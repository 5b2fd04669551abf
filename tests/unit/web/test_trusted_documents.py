"""Documents by name: automatic persisted queries, and manifests of trusted ones."""

import json
from hashlib import sha256

import pytest

from facade.web.graphql_request import BadRequest, GraphQLRequest
from facade.web.trusted_documents import DocumentNotFound, Persisted, Trusted, read_manifest

TYPENAME = "{ __typename }"
NAMED = "query Named { sensors { __typename } }"


def hashed(text):
    return sha256(text.encode()).hexdigest()


def persisted(text, version=1):
    return {"persistedQuery": {"version": version, "sha256Hash": hashed(text)}}


def asked(query=None, *, hash_=None, id_=None):
    return GraphQLRequest(query, None, None, hash_, id_)


class TestPersisted:
    def test_a_document_is_known_by_its_hash_once_it_was_sent_with_it(self):
        documents = Persisted()
        with pytest.raises(DocumentNotFound, match=r"^PersistedQueryNotFound$"):
            documents.text(asked(hash_=hashed(TYPENAME)))
        assert documents.text(asked(TYPENAME, hash_=hashed(TYPENAME))) == TYPENAME
        assert documents.text(asked(hash_=hashed(TYPENAME))) == TYPENAME
        assert documents.text(asked(hash_=hashed(TYPENAME).upper())) == TYPENAME

    def test_a_hash_of_another_text_is_refused_and_not_kept(self):
        documents = Persisted()
        with pytest.raises(BadRequest, match="sha256Hash"):
            documents.text(asked(NAMED, hash_=hashed(TYPENAME)))
        with pytest.raises(DocumentNotFound):
            documents.text(asked(hash_=hashed(TYPENAME)))

    def test_a_document_sent_without_a_hash_is_not_kept(self):
        documents = Persisted()
        assert documents.text(asked(TYPENAME)) == TYPENAME
        with pytest.raises(DocumentNotFound):
            documents.text(asked(hash_=hashed(TYPENAME)))

    def test_the_least_used_go_once_they_are_too_much(self):
        documents = Persisted(kept=3 * (4 * 100 + 256))
        texts = [f"{at:0100d}" for at in range(4)]
        for text in texts[:3]:
            documents.text(asked(text, hash_=hashed(text)))
        documents.text(asked(hash_=hashed(texts[0])))
        documents.text(asked(texts[3], hash_=hashed(texts[3])))
        for kept in (texts[0], texts[2], texts[3]):
            assert documents.text(asked(hash_=hashed(kept))) == kept
        with pytest.raises(DocumentNotFound):
            documents.text(asked(hash_=hashed(texts[1])))

    def test_the_same_document_again_takes_no_more_room(self):
        documents = Persisted(kept=4 * len(TYPENAME) + 256)
        for _ in range(10):
            documents.text(asked(TYPENAME, hash_=hashed(TYPENAME)))
        assert documents.text(asked(hash_=hashed(TYPENAME))) == TYPENAME


class TestTrusted:
    documents = Trusted({"an-id": TYPENAME, hashed(NAMED): NAMED})

    @pytest.mark.parametrize(
        ("params", "text"),
        [
            (asked(id_="an-id"), TYPENAME),
            (asked(hash_="an-id"), TYPENAME),
            (asked(hash_=hashed(TYPENAME)), TYPENAME),
            (asked(id_=hashed(NAMED)), NAMED),
            (asked(NAMED), NAMED),
            (asked(f"  {NAMED}\n"), NAMED),
            (asked(NAMED, hash_=hashed(NAMED)), NAMED),
            # What is named counts, whatever text comes with it.
            (asked("{ sensors { data { id } } }", id_="an-id"), TYPENAME),
        ],
    )
    def test_what_is_in_the_manifest_is_found_by_every_name_it_has(self, params, text):
        assert self.documents.text(params) == text

    @pytest.mark.parametrize(
        "params",
        [
            asked("{ sensors { data { id } } }"),
            asked("{ __typename  }"),
            asked(id_="other"),
            asked(hash_="0" * 64),
            asked(),
        ],
    )
    def test_nothing_else_is(self, params):
        with pytest.raises(DocumentNotFound, match="manifest"):
            self.documents.text(params)


APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [{"id": "an-id", "name": "Named", "type": "query", "body": NAMED}],
}


class TestManifests:
    @pytest.mark.parametrize("manifest", [APOLLO, {"an-id": NAMED}], ids=["Apollo's", "Relay's"])
    def test_both_formats_are_read(self, tmp_path, manifest):
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(manifest))
        assert read_manifest(path).text(asked(id_="an-id")) == NAMED

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("{", "not JSON"),
            ("[]", "no documents"),
            ("{}", "no documents"),
            ('{"an-id": 5}', "'an-id' has no document"),
            (json.dumps(APOLLO | {"version": 2}), "version 2"),
            (json.dumps(APOLLO | {"operations": []}), "no documents"),
            (json.dumps(APOLLO | {"operations": [{"id": "an-id"}]}), "'an-id' has no document"),
        ],
    )
    def test_a_manifest_that_is_none_says_why(self, tmp_path, content, reason):
        path = tmp_path / "manifest.json"
        path.write_text(content)
        with pytest.raises(ValueError, match=reason):
            read_manifest(path)

    def test_one_that_is_missing_too(self, tmp_path):
        with pytest.raises(ValueError, match="cannot read"):
            read_manifest(tmp_path / "none.json")


class TestOverHttp:
    def post(self, server, accept="application/graphql-response+json", **body):
        return server.request("POST", "/graphql", json=body, headers={"Accept": accept})

    def test_the_flow_of_automatic_persisted_queries(self, facade):
        text = '{ __typename a: __typename b: __type(name: "Sensor") { name } }'
        missing = self.post(facade, extensions=persisted(text))
        assert missing.status_code == 400
        assert missing.headers["Cache-Control"] == "no-store"
        (error,) = missing.json()["errors"]
        assert error["message"] == "PersistedQueryNotFound"
        assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        # Clients of the older media type get their errors with a 200.
        assert self.post(facade, "application/json", extensions=persisted(text)).status_code == 200

        sent = self.post(facade, query=text, extensions=persisted(text))
        assert sent.json()["data"]["b"] == {"name": "Sensor"}
        assert self.post(facade, extensions=persisted(text)).json() == sent.json()
        got = facade.request("GET", "/graphql", params={"extensions": json.dumps(persisted(text))})
        assert got.json() == sent.json()
        assert got.headers["Content-Type"].startswith("application/json")

    def test_a_browser_too_gets_an_answer_by_hash_and_not_the_page(self, facade):
        headers = {"Accept": "text/html"}
        params = {"extensions": json.dumps(persisted(TYPENAME))}
        assert "json" in facade.request("GET", "/graphql", params=params, headers=headers).headers["Content-Type"]

    def test_a_hash_of_another_text_is_bad_input(self, facade):
        answer = self.post(facade, query=TYPENAME, extensions=persisted(NAMED))
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

    @pytest.mark.parametrize(
        "body",
        [
            {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "0"}}},
            {"extensions": {"persistedQuery": {"version": 1}}},
            {"extensions": {"persistedQuery": []}},
            {"extensions": {}},
            {"documentId": 5},
            {"documentId": "unknown"},
            {"query": 5, "documentId": "x"},
            {},
        ],
    )
    def test_what_names_no_document_is_400(self, facade, body):
        answer = self.post(facade, **body)
        assert answer.status_code == 400
        assert answer.json()["errors"]

    def test_a_mutation_by_hash_needs_post_as_any_does(self, facade):
        text = 'mutation { clientLogin(client_id: "a", client_secret: "b") { access_token } }'
        self.post(facade, query="query A { __typename }" + text, extensions=persisted("query A { __typename }" + text))
        params = {"query": text, "extensions": json.dumps(persisted(text))}
        assert facade.request("GET", "/graphql", params=params).status_code == 405

    def test_with_a_manifest_nothing_else_runs(self, launch, sandbox_process, tmp_path):
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps(APOLLO | {"operations": [{"id": "typename", "body": TYPENAME}]}))
        strict = launch.facade(sandbox_process.url, FACADE_TRUSTED_DOCUMENTS=str(manifest))
        for body in (
            {"documentId": "typename"},
            {"id": "typename"},
            {"query": TYPENAME},
            {"extensions": persisted(TYPENAME)},
            {"query": TYPENAME, "extensions": persisted(TYPENAME)},
        ):
            assert self.post(strict, **body).json() == {"data": {"__typename": "Query"}}
        assert strict.request("GET", "/graphql", params={"documentId": "typename"}).status_code == 200
        other = "{ __schema { queryType { name } } }"
        for body in ({"query": other}, {"query": other, "extensions": persisted(other)}, {"documentId": "other"}):
            refused = self.post(strict, **body)
            assert refused.status_code == 400
            assert refused.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
            assert "data" not in refused.json()
        strict.stop()
