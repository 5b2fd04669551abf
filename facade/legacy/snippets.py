"""Write an operation as code to paste: curl, fetch, Apollo Client and Python (httpx)."""

import json
import pprint
import shlex
from collections.abc import Mapping
from textwrap import indent
from typing import Any

from graphql import OperationDefinitionNode, OperationType, parse

TOKEN = "BUTLR_TOKEN"  # noqa: S105 -- the name of the variable


def snippets(query: str, variables: Mapping[str, Any], url: str) -> dict[str, str]:
    """Return the snippets by name. They read the token from the environment; a login sends none."""
    mutation = _is_mutation(query)
    return {
        "curl": _curl(query, variables, url, token=not mutation),
        "fetch": _fetch(query, variables, url, token=not mutation),
        "Apollo Client": _apollo(query, variables, mutation=mutation),
        "Python": _python(query, variables, url, token=not mutation),
    }


def _is_mutation(query: str) -> bool:
    return any(
        isinstance(definition, OperationDefinitionNode) and definition.operation is OperationType.MUTATION
        for definition in parse(query).definitions
    )


def _curl(query: str, variables: Mapping[str, Any], url: str, *, token: bool) -> str:
    body = json.dumps({"query": query, "variables": variables}, ensure_ascii=False)
    lines = [f"curl {shlex.quote(url)}", "-H 'Content-Type: application/json'"]
    if token:
        lines.append(f'-H "Authorization: Bearer ${TOKEN}"')
    # `--data-raw`, since `--data` takes a body that begins with @ for a file.
    return " \\\n  ".join([*lines, f"--data-raw {shlex.quote(body)}"])


def _fetch(query: str, variables: Mapping[str, Any], url: str, *, token: bool) -> str:
    authorization = f"\n    Authorization: `Bearer ${{process.env.{TOKEN}}}`," if token else ""
    return f"""\
const response = await fetch({json.dumps(url)}, {{
  method: "POST",
  headers: {{
    "Content-Type": "application/json",{authorization}
  }},
  body: JSON.stringify({{
    query: {_template(query, "    ")},
    variables: {_json(variables, "    ")},
  }}),
}});
const {{ data, errors }} = await response.json();
console.log(JSON.stringify(errors ?? data, null, 2));"""


def _apollo(query: str, variables: Mapping[str, Any], *, mutation: bool) -> str:
    verb, document = ("mutate", "mutation") if mutation else ("query", "query")
    return f"""\
import {{ gql }} from "@apollo/client";

// `client` is the application's ApolloClient.
const {{ data }} = await client.{verb}({{
  {document}: gql{_template(query, "  ")},
  variables: {_json(variables, "  ")},
}});"""


def _python(query: str, variables: Mapping[str, Any], url: str, *, token: bool) -> str:
    text = json.dumps(query) if "\\" in query or '"""' in query else f'"""\n{query.strip()}\n"""'
    imports = "import os\n\nimport httpx" if token else "import httpx"
    headers = f'\n    headers={{"Authorization": f"Bearer {{os.environ[\'{TOKEN}\']}}"}},' if token else ""
    return f"""\
{imports}

QUERY = {text}
VARIABLES = {pprint.pformat(dict(variables), sort_dicts=False, width=100)}

response = httpx.post(
    {json.dumps(url)},
    json={{"query": QUERY, "variables": VARIABLES}},{headers}
)
print(response.json())"""


def _template(query: str, margin: str) -> str:
    """Return a JavaScript template literal, in which GraphQL may be indented."""
    text = query.strip().replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")
    return f"`\n{indent(text, margin + '  ')}\n{margin}`"


def _json(value: Mapping[str, Any], margin: str) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", f"\n{margin}")
