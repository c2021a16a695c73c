import { afterEach, describe, expect, test, vi } from "vitest";
import { Server, ServerError } from "../../src/shared/server.js";

const ROOT = new URL("https://voice.test/below/");

/** Have the next requests answered so, and keep what was asked. */
function answer(status: number, body: unknown): [Request[], (key?: string) => Server] {
  const asked: Request[] = [];
  vi.stubGlobal("fetch", async (url: URL, init: RequestInit) => {
    asked.push(new Request(url, init));
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  });
  return [asked, (key) => new Server(ROOT, () => key)];
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test("addresses are below where the pages are, and the key is in a header", async () => {
  const [asked, server] = answer(200, { version: "1" });
  expect((await server("k").info()).version).toBe("1");
  await server().engines();
  expect(asked.map(({ url }) => url)).toEqual([
    "https://voice.test/below/v1/info",
    "https://voice.test/below/v1/engines",
  ]);
  expect(asked.map(({ headers }) => headers.get("authorization"))).toEqual(["Bearer k", null]);
});

test("metrics are text", async () => {
  const [, server] = answer(200, "a 1\n");
  expect(await server().metrics()).toBe("a 1\n");
});

test("a key gets a token, a token is its own, and no key gets none", async () => {
  const [asked, server] = answer(200, { token: "vst_new" });
  expect(await server("key").token()).toBe("vst_new");
  expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST https://voice.test/below/v1/token"]);
  expect(await server("vst_own").token()).toBe("vst_own");
  expect(await server().token()).toBeUndefined();
  expect(asked).toHaveLength(1);
});

test("a refusal is what the server says", async () => {
  const [, server] = answer(429, {
    type: "error",
    code: "rate_limited",
    message: "slowly",
    fatal: true,
    retry_after_ms: 900,
  });
  const error = await server("k")
    .info()
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ServerError);
  expect(error).toMatchObject({ code: "rate_limited", message: "slowly", retryAfterMs: 900 });
});

test.each([
  [502, "<h1>Bad gateway</h1>"],
  [500, {}],
  [404, null],
])("%i of a proxy is no answer", async (status, body) => {
  const [, server] = answer(status, body);
  await expect(server().info()).rejects.toMatchObject({
    code: "unreachable",
    message: `The server answered ${status}.`,
  });
});

test("nothing answers", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  await expect(new Server(ROOT, () => undefined).metrics()).rejects.toMatchObject({
    code: "unreachable",
    retryAfterMs: null,
  });
});

describe("a network that dies without a word", () => {
  /** Have the patience of the next request end. */
  function losePatience(): { lose: () => void; asked: number[] } {
    const patience = new AbortController();
    const asked: number[] = [];
    vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
      asked.push(ms);
      return patience.signal;
    });
    return { lose: () => patience.abort(new DOMException("signal timed out", "TimeoutError")), asked };
  }
  const never = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      const end = () => reject(signal.reason);
      if (signal.aborted) end();
      else signal.addEventListener("abort", end);
    });

  test.each([
    ["before the answer", (signal: AbortSignal) => never(signal)],
    ["in its midst", async (signal: AbortSignal) => ({ ok: true, json: () => never(signal) })],
  ])("is no answer, %s", async (_, answers) => {
    vi.stubGlobal("fetch", (_: URL, { signal }: { signal: AbortSignal }) => answers(signal));
    const { lose, asked } = losePatience();
    const token = new Server(ROOT, () => "key").token();
    lose();
    await expect(token).rejects.toMatchObject({
      name: "ServerError",
      code: "unreachable",
      cause: { name: "TimeoutError" },
    });
    expect(asked).toEqual([10_000]);
  });
});
