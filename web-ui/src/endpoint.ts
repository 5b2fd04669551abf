export const ACCEPT = "application/graphql-response+json, application/json";

/** Posts a GraphQL request. The page is served at the API's own address, whichever of its paths that is. */
export async function post(body: string, headers: Headers, signal?: AbortSignal): Promise<Response> {
  headers.set("Content-Type", "application/json");
  try {
    return await fetch(window.location.pathname, { method: "POST", headers, body, signal });
  } catch {
    throw new Error("The server cannot be reached. Is it still running?");
  }
}

/** The body as JSON, whatever the status: GraphQL errors come with 4xx. Throws with a readable reason. */
export async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const start = text.slice(0, 200).trim();
    throw new Error(`The server answered HTTP ${response.status} and no JSON${start && `: ${start}`}`);
  }
}
