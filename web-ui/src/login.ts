import { ACCEPT, post, readJson } from "./endpoint";

export interface Session {
  access_token: string;
  expires_in: number;
}

const SESSION = "{ access_token expires_in }";
const LOGIN = `mutation login($username: String!, $password: String!) {
  session: login(username: $username, password: $password) ${SESSION}
}`;
const CLIENT_LOGIN = `mutation clientLogin($client_id: String!, $client_secret: String!) {
  session: clientLogin(client_id: $client_id, client_secret: $client_secret) ${SESSION}
}`;

interface Answer {
  data?: { session?: Session | null } | null;
  errors?: { message: string }[];
}

export const login = (username: string, password: string) => open("login", LOGIN, { username, password });

export const clientLogin = (client_id: string, client_secret: string) =>
  open("clientLogin", CLIENT_LOGIN, { client_id, client_secret });

/** Throws an error whose message is the server's. Not through the editor, which remembers what it sends. */
async function open(operationName: string, query: string, variables: Record<string, string>): Promise<Session> {
  const response = await post(JSON.stringify({ operationName, query, variables }), new Headers({ Accept: ACCEPT }));
  const { data, errors } = (await readJson(response)) as Answer;
  if (data?.session) return data.session;
  throw new Error(errors?.map((error) => error.message).join(" ") || `The login failed with HTTP ${response.status}.`);
}
