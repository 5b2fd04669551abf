/** What the server says of itself in the page: where its files are, and whether it stands before a sandbox. */
export interface PageSettings {
  /** The folder of the page's own files, relative to the page. */
  files?: string;
  sandbox?: { username: string; password: string; client_id: string; client_secret: string } | null;
}

const written = document.querySelector<HTMLMetaElement>('meta[name="facade-page"]')?.content;

export const page: PageSettings = written ? (JSON.parse(written) as PageSettings) : {};

/** The address of one of the server's helpers beside the page's files. Relative: a proxy may add any prefix. */
export const beside = (name: string): string => new URL(`${page.files ?? "graphiql/"}${name}`, document.baseURI).href;

/** Operations that carry credentials are neither stored nor shared. */
const CREDENTIALS = /\b(login|clientLogin|refreshToken|password|client_secret|access_token|refresh_token|id_token)\b/;

export const hasCredentials = (...texts: (string | null | undefined)[]): boolean =>
  texts.some((text) => CREDENTIALS.test(text ?? ""));
