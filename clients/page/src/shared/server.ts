/** What the server answers over HTTP beside the conversation itself. */

/** Why the server did not answer as wanted; `message` is for people. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  /** The server's, such as `unauthorized`; `unreachable` where nothing answered. */
  readonly code: string;
  readonly retryAfterMs: number | null;

  constructor(code: string, message: string, options: { cause?: unknown; retryAfterMs?: number | null } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** `GET /v1/info`: what this server has. */
export interface Info {
  version: string;
  protocol: string;
  features: Readonly<Record<string, boolean>>;
  certificate: string | null;
  agents: readonly { name: string; language: string }[];
  /** What a client gets that names nothing, by the names of the query. */
  defaults: Readonly<Record<string, unknown>>;
  engines: Readonly<Record<string, string | null>>;
  languages: readonly string[];
  detects_language: boolean;
  voices: readonly { name: string; language: string | null }[];
}

/** One engine of `GET /v1/engines`. */
export interface Engine {
  name: string;
  chosen: boolean;
  why: string;
  is_open: boolean;
  /** Streams that it can take now; null where nobody counts. */
  room: number | null;
}

export type Engines = Readonly<Record<string, readonly Engine[]>>;

const PATIENCE_MS = 10_000;
/* A network that died without a word lets a request hang for minutes, and these answers take milliseconds. */

/** The server that this page came from; `root` leads to it, as a proxy may serve it below a path. */
export class Server {
  readonly #root: URL;
  readonly #key: () => string | undefined;

  constructor(root: URL, key: () => string | undefined) {
    this.#root = root;
    this.#key = key;
  }

  /** Whether it is short-lived: it gets no other, so it is shown as it is. */
  static isToken(key: string): boolean {
    return key.startsWith("vst_");
  }

  /** The address of something on the server. */
  url(path: string): URL {
    return new URL(path, this.#root);
  }

  /** @throws {ServerError} */
  async info(): Promise<Info> {
    return this.#ask("v1/info", (response) => response.json());
  }

  /** @throws {ServerError} */
  async engines(): Promise<Engines> {
    return this.#ask("v1/engines", (response) => response.json());
  }

  /** @throws {ServerError} */
  async metrics(): Promise<string> {
    return this.#ask("metrics", (response) => response.text());
  }

  /**
   * What a conversation shows at the door: a token that serves once, as it may end up in an address; nothing where
   * no key is known.
   *
   * @throws {ServerError}
   */
  async token(): Promise<string | undefined> {
    const key = this.#key();
    if (key === undefined || Server.isToken(key)) return key;
    const { token } = await this.#ask<{ token: string }>("v1/token", (response) => response.json(), "POST");
    return token;
  }

  async #ask<T>(path: string, read: (response: Response) => Promise<T>, method = "GET"): Promise<T> {
    const key = this.#key();
    const headers: HeadersInit = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const signal = AbortSignal.timeout(PATIENCE_MS); // of the answer to its end
    try {
      const response = await fetch(this.url(path), { method, headers, cache: "no-store", signal });
      if (!response.ok) throw await refusal(response);
      return await read(response);
    } catch (cause) {
      if (cause instanceof ServerError) throw cause;
      throw new ServerError("unreachable", "The server does not answer.", { cause });
    }
  }
}

/** Read why the server refused; an answer without its error body is some proxy's. */
async function refusal(response: Response): Promise<ServerError> {
  const body: unknown = await response.json().catch(() => null);
  const { code, message, retry_after_ms } = (body ?? {}) as Record<string, unknown>;
  const retryAfterMs = typeof retry_after_ms === "number" ? retry_after_ms : null;
  if (typeof code !== "string") return new ServerError("unreachable", `The server answered ${response.status}.`);
  return new ServerError(code, typeof message === "string" ? message : code, { retryAfterMs });
}
