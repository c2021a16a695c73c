import { afterEach, expect, test, vi } from "vitest";
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

afterEach(() => vi.unstubAllGlobals());

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
