import type { Operation } from "./results/answers";

/** An operation as code that runs when pasted. The token is named and never written. */
export const FORMS = ["curl", "fetch", "Apollo Client", "Python", "facade query"] as const;
export type Form = (typeof FORMS)[number];

const TOKEN = "BUTLR_TOKEN";

export function copyAs(form: Form, { query, variables }: Operation, url: string): string {
  const given = variables ?? {};
  switch (form) {
    case "curl":
      return [
        `curl ${quoted(url)}`,
        "-H 'Content-Type: application/json'",
        `-H "Authorization: Bearer $${TOKEN}"`,
        // Not `--data`: a body that begins with @ would be a file.
        `--data-raw ${quoted(JSON.stringify({ query, variables: given }))}`,
      ].join(" \\\n  ");
    case "fetch":
      return `const response = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    Authorization: \`Bearer \${process.env.${TOKEN}}\`,
  },
  body: JSON.stringify({
    query: ${template(query, "    ")},
    variables: ${json(given, "    ")},
  }),
});
const { data, errors } = await response.json();
console.log(JSON.stringify(errors ?? data, null, 2));`;
    case "Apollo Client": {
      const verb = /^\s*(?:#.*\n\s*)*mutation\b/.test(query) ? ["mutate", "mutation"] : ["query", "query"];
      return `import { gql } from "@apollo/client";

// \`client\` is the application's ApolloClient.
const { data } = await client.${verb[0]}({
  ${verb[1]}: gql${template(query, "  ")},
  variables: ${json(given, "  ")},
});`;
    }
    case "Python":
      return `import json
import os

import httpx

QUERY = ${JSON.stringify(query)}
VARIABLES = json.loads(${JSON.stringify(JSON.stringify(given))})

response = httpx.post(
    ${JSON.stringify(url)},
    json={"query": QUERY, "variables": VARIABLES},
    headers={"Authorization": f"Bearer {os.environ['${TOKEN}']}"},
)
print(response.json())`;
    case "facade query": {
      const named = Object.keys(given).length ? ` --variables ${quoted(JSON.stringify(given))}` : "";
      return `facade query -${named} <<'GRAPHQL'\n${query.trim()}\nGRAPHQL`;
    }
  }
}

/** As one word of a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function template(query: string, margin: string): string {
  const text = query.trim().replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${");
  return `\`\n${text.replace(/^/gm, `${margin}  `)}\n${margin}\``;
}

const json = (value: unknown, margin: string): string => JSON.stringify(value, null, 2).replaceAll("\n", `\n${margin}`);
