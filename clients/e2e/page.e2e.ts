/** The page to talk on, served by the server itself, in a real browser. */

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { composeWav, type Server, SPEECH, startBrowser, startProxy, startServer } from "./harness/index.js";
import {
  bubbles,
  eventually,
  expectAccessible,
  expectNarrow,
  silence,
  sound,
  type,
  until,
  type Watched,
  watch,
} from "./page-support.js";

const LONG = "The rain had stopped before dawn, and somebody carried a ladder across the square.";
const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  colorScheme: "dark",
  isMobile: true,
  hasTouch: true,
};

let server: Server;
let quiet: Browser; // its microphone is silent
const closing: (() => Promise<unknown>)[] = [];
const watched: Watched[] = [];

beforeAll(async () => {
  [server, quiet] = await Promise.all([startServer(), startBrowser({ microphone: composeWav(60_000) })]);
});
afterAll(async () => {
  await Promise.all([server?.stop(), quiet?.close()]);
});
afterEach(async () => {
  const faults = watched.splice(0).flatMap((each) => each.faults);
  for (const close of closing.splice(0).reverse()) await close();
  expect(faults).toEqual([]);
});

/** A page that is watched, and goes with the test. */
async function open(
  url = server.url,
  { from = quiet, ...options }: BrowserContextOptions & { from?: Browser } = {},
): Promise<Page> {
  const made = await watch(from, url, { ...DESKTOP, ...options });
  watched.push(made);
  closing.push(() => made.page.context().close());
  return made.page;
}

async function serverOf(settings: Record<string, string>): Promise<Server> {
  const made = await startServer(settings);
  closing.push(() => made.stop());
  return made;
}

async function browserOf(options: Parameters<typeof startBrowser>[0]): Promise<Browser> {
  const made = await startBrowser(options);
  closing.push(() => made.close());
  return made;
}

/** A browser whose microphone says a sentence, and another one into the reply to it; anew, as it says them once. */
function talkative(): Promise<Browser> {
  const speech = [1000, `${SPEECH}en_go_forward.wav`, 3000, `${SPEECH}en_austen_0880.wav`, 60_000];
  return browserOf({ microphone: composeWav(...speech) });
}

const notice = (page: Page) => page.locator(".notice p");
const phase = (page: Page) => page.evaluate(() => document.body.dataset.phase);

test("talk: captions that settle, a spoken reply, and speech over it silences it and strikes it through", async () => {
  const page = await open(server.url, { from: await talkative() });
  await page.evaluate(() => {
    Object.assign(globalThis, { tentative: 0, marked: 0, level: 0 });
    const look = (): void => {
      const seen = globalThis as unknown as { tentative: number; marked: number; level: number };
      if (document.querySelector(".tentative")?.textContent) seen.tentative++;
      if (CSS.highlights.has("spoken")) seen.marked++;
      if (document.body.dataset.phase === "speaking") {
        const dial = document.getElementById("dial") as HTMLElement;
        seen.level = Math.max(seen.level, Number(dial.style.getPropertyValue("--level")));
      }
      requestAnimationFrame(look);
    };
    look();
  });
  await page.click("#dial");
  await until(page, () => document.body.dataset.phase === "hearing");
  await eventually(() => page.locator("#phase").innerText()).toBe("Hearing you…");
  await sound(page);
  expect((await bubbles(page))[0]).toMatch(/^go forward ten/);
  expect(await page.locator(".turn.is-settled .tentative").count()).toBe(0);
  await page.locator(".timing summary").click();
  expect(await page.locator(".waterfall dt").allInnerTexts()).toEqual([
    "End of turn",
    "Final transcript",
    "First token",
    "First sound",
    "First sound played",
  ]);
  await until(page, () => document.querySelector(".unheard") !== null);
  await silence(page);
  const [heard, struck] = await page.$eval(".reply .said", (said) => [
    said.firstChild?.textContent ?? "",
    said.querySelector("s")?.innerText ?? "",
  ]);
  expect(heard).toMatch(/^I heard: go forward ten/);
  expect(struck).toMatch(/set up\./);
  expect(await page.locator(".aside").first().innerText()).toBe("You spoke over it.");
  await until(page, () => document.querySelectorAll(".reply").length === 2);
  const seen = await page.evaluate(() => {
    const { tentative, marked, level } = globalThis as unknown as Record<string, number>;
    return { tentative, marked, level };
  });
  expect(seen.tentative).toBeGreaterThan(0);
  expect(seen.marked).toBeGreaterThan(0);
  expect(seen.level).toBeGreaterThan(0.2);
  // What a screen reader is told is what stays, and no more often than that.
  expect(await page.locator("#announcer").innerText()).toMatch(/^(You|Reply): /);
});

test("the socket is cut in mid-reply: it goes on, with nothing missing and nothing twice", async () => {
  const network = await startProxy(server.port);
  closing.push(() => network.stop());
  const page = await open(network.url);
  await type(page, LONG);
  await sound(page);
  await page.waitForTimeout(1000);
  network.cut();
  await eventually(() => page.locator("#connection").getAttribute("data-state")).toBe("connected");
  await until(page, () => document.body.dataset.phase === "listening", 60_000);
  await type(page, "And then?");
  await until(page, () => document.querySelectorAll(".reply").length === 2);
  const [said, reply, ...more] = await bubbles(page);
  expect(said).toBe(LONG);
  expect(reply?.replace(/\s+/g, " ")).toContain(`I heard: ${LONG}`);
  expect(reply?.split("The rain had stopped")).toHaveLength(2);
  expect(more).toHaveLength(2);
  expect(await page.locator(".unheard").count()).toBe(0);
});

test("a reload in mid-reply goes on with the conversation", async () => {
  const page = await open();
  await type(page, "Hello there.");
  await until(page, () => document.body.dataset.phase === "listening" && document.querySelector(".reply") !== null);
  await silence(page);
  await type(page, LONG);
  await sound(page);
  const before = await bubbles(page);
  await page.reload();
  await until(page, () => document.querySelectorAll("#items .said").length === 4);
  expect((await bubbles(page)).slice(0, 3)).toEqual(before.slice(0, 3));
  await page.mouse.click(640, 120); // browsers want a gesture before they play
  await sound(page);
  await until(page, () => document.body.dataset.phase === "listening", 60_000);
  expect((await bubbles(page))[3]).toContain("carried a ladder across the square");
  expect(await page.locator(".remark").count()).toBe(0);
});

test("two pages share a conversation by its link, and a third that begins anew has its own", async () => {
  const first = await open();
  await type(first, "Hello from the first.");
  await until(first, () => document.querySelector(".reply") !== null);
  await first.click("#share");
  const link = await first.inputValue("#sharing-link");
  expect(link).toMatch(/\/\?conversation=cv_/);
  await first.keyboard.press("Escape");
  const second = await open(link);
  await eventually(() => notice(second).innerText()).toMatch(
    /^This link joins a conversation\. Others in it see and hear/,
  );
  expect(await second.locator("#connection").getAttribute("data-state")).toBe("idle"); // nobody joins by looking
  await second.getByRole("button", { name: "Join" }).click();
  await until(second, () => document.getElementById("connection")?.dataset.state === "connected");
  await eventually(() => notice(second).innerText()).toMatch(
    /^You have joined a conversation\. Others in it see and hear/,
  );
  await type(first, "Are you there?");
  await until(second, () => document.querySelector(".reply") !== null);
  expect((await bubbles(second))[0]).toBe("Are you there?");
  await type(second, "I am.");
  await until(first, () => document.querySelectorAll(".turn").length === 3);
  await second.click("#anew");
  expect(await notice(second).count()).toBe(0);
  await type(second, "Alone.");
  await until(second, () => document.querySelector(".reply") !== null);
  expect(await bubbles(first)).not.toContain("Alone.");
  expect(second.url()).not.toContain("conversation");
});

test("what was said is text, whatever it looks like", async () => {
  const hostile = `<img src=x onerror="document.title='no'"> <script>document.title='no'</script> &amp; \u202e`;
  const page = await open();
  await type(page, hostile);
  await until(page, () => document.querySelector(".reply .said")?.textContent?.includes("onerror"));
  expect((await bubbles(page))[0]).toBe(hostile.trim());
  await page.reload(); // what was put away is no markup either
  await until(page, () => document.querySelectorAll("#items .said").length >= 2);
  expect(await page.locator("#items img, #items script").count()).toBe(0);
  expect(await page.title()).toBe("Talk · voicesrv");
  const joining = await open(`${server.url}/?conversation=${encodeURIComponent(hostile)}`);
  await joining.getByRole("button", { name: "Join" }).click();
  await joining.locator(".notice.is-trouble").waitFor();
  expect(await joining.locator("img").count()).toBe(0);
});

test("a caption settles from its beginning, and a hostile one is text", async () => {
  const page = await open();
  const say: ((event: object) => void)[] = [];
  // A server of this test's own: no engine can be made to understand just this.
  await page.routeWebSocket(/\/ws/, (socket) => {
    let seq = 0;
    say.push((event) => socket.send(JSON.stringify({ seq: ++seq, ...event })));
    say[0]?.({ type: "ready", protocol: "voicesrv.v1", conversation: "cv_1", resume: "token" });
  });
  await page.reload();
  await page.click("#dial");
  await until(page, () => document.getElementById("connection")?.dataset.state === "connected");
  const hostile = "<img src=x onerror=\"document.title='no'\">";
  say[0]?.({ type: "turn.start", turn: 1, at_ms: 0 });
  await page.locator(".waiting").waitFor();
  say[0]?.({ type: "transcript", turn: 1, text: `go forward ${hostile}`, stable: 10 });
  await eventually(() => page.locator(".stable").innerText()).toBe("go forward");
  expect((await page.locator(".tentative").innerText()).trim()).toBe(hostile);
  const [stable, tentative] = await page.$$eval(".stable, .tentative", (both) =>
    both.map((one) => [getComputedStyle(one).color, getComputedStyle(one).fontStyle]),
  );
  expect(stable?.[0]).not.toBe(tentative?.[0]);
  expect([stable?.[1], tentative?.[1]]).toEqual(["normal", "italic"]);
  expect(await page.locator("#announcer").innerText()).toBe(""); // nothing is told that may change
  await expectAccessible(page);
  say[0]?.({ type: "turn.end", turn: 1, text: `go forward ${hostile}`, start_ms: 0, end_ms: 900, cause: "silence" });
  await page.locator(".turn.is-settled").waitFor();
  expect(await page.locator("#announcer").innerText()).toBe(`You: go forward ${hostile}`);
  say[0]?.({ type: "reply.start", reply: 1, turn: 1 });
  say[0]?.({ type: "reply.text", reply: 1, delta: hostile });
  say[0]?.({ type: "reply.end", reply: 1, text: hostile, heard: "<img", cause: "interrupted" });
  await page.locator(".unheard").waitFor();
  expect(await page.locator("#items img").count()).toBe(0);
  expect(await page.title()).toBe("Talk · voicesrv");
});

test("push to talk, with the space bar", async () => {
  const page = await open(server.url, { from: await talkative() });
  await page.click("#open-settings");
  await page.check("#push-to-talk");
  await page.keyboard.press("Escape");
  await page.locator("#open-settings").blur();
  await eventually(() => page.locator("#phase").innerText()).toBe("Hold to talk, or hold the space bar");
  await page.keyboard.down("Space");
  await until(page, () => document.body.dataset.phase === "hearing");
  await page.waitForTimeout(1500);
  await page.keyboard.up("Space");
  await until(page, () => document.querySelector(".turn.is-settled .said")?.textContent?.includes("go"));
  await sound(page);
  // In the entry it is a space.
  await page.focus("#text");
  await page.keyboard.type("a b");
  expect(await page.inputValue("#text")).toBe("a b");
});

test("a choice is told to the server and kept; one that it cannot carry out is taken back, one it has not let go", async () => {
  const page = await open();
  const sent: string[] = [];
  page.on("websocket", (socket) => sent.push(socket.url()));
  await type(page, "Hello.");
  await until(page, () => document.querySelector(".reply") !== null);
  await page.click("#open-settings");
  await page.selectOption("#voice", "en-gb-scotland");
  await page.selectOption("#llm", "pydantic"); // no model is named
  await eventually(() => notice(page).innerText()).toMatch(/^The server cannot do that now: .*language model/);
  expect(await page.inputValue("#llm")).toBe("");
  expect(await page.inputValue("#voice")).toBe("en-gb-scotland");
  await page.evaluate(() => {
    const kept = JSON.parse(localStorage.getItem("voicesrv.preferences") as string);
    localStorage.setItem("voicesrv.preferences", JSON.stringify({ ...kept, stt: "gone", agent: 7 }));
  });
  await page.reload();
  await until(page, () => document.getElementById("connection")?.dataset.state === "connected");
  await page.click("#anew");
  await type(page, "Hello again.");
  await until(page, () => document.querySelector(".reply") !== null);
  expect(sent).toHaveLength(3);
  expect(sent[2]).toContain("voice=en-gb-scotland");
  expect(sent[2]).not.toMatch(/llm=|stt=|agent=/);
});

describe("what goes wrong is said in a sentence, and gets well without a reload", () => {
  test("the microphone is denied", async () => {
    const page = await open(server.url, { from: await browserOf({ allowMicrophone: false }) });
    await page.click("#dial");
    await eventually(() => notice(page).innerText()).toMatch(/^The microphone is not allowed here\. Allow it/);
    await type(page, "Typing works.");
    await sound(page);
    await expectAccessible(page);
  });

  test("there is no microphone, and then there is one", async () => {
    const page = await open(server.url, { from: await talkative() });
    await page.evaluate(() => {
      const usual = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      let n = 0;
      navigator.mediaDevices.getUserMedia = async (constraints) => {
        if (n++ === 0) throw new DOMException("Requested device not found", "NotFoundError");
        return usual(constraints);
      };
    });
    await page.click("#dial");
    await eventually(() => notice(page).innerText()).toMatch(/^No microphone was found\. Plug one in/);
    await page.getByRole("button", { name: "Try again" }).click();
    await until(page, () => document.body.dataset.phase === "hearing");
    expect(await notice(page).count()).toBe(0);
  });

  test("the microphone is unplugged in mid-sentence, and plugged in again", async () => {
    const page = await open(server.url, { from: await talkative() });
    await page.evaluate(() => {
      const usual = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      const held = globalThis as unknown as { stream: MediaStream; gone: boolean };
      navigator.mediaDevices.getUserMedia = async (constraints) => {
        if (held.gone) throw new DOMException("Requested device not found", "NotFoundError");
        held.stream = await usual(constraints);
        return held.stream;
      };
    });
    await page.click("#dial");
    await until(page, () => document.body.dataset.phase === "hearing");
    await page.evaluate(() => {
      const held = globalThis as unknown as { stream: MediaStream; gone: boolean };
      held.gone = true;
      held.stream.getAudioTracks()[0]?.dispatchEvent(new Event("ended"));
    });
    await eventually(() => notice(page).innerText()).toMatch(/^The microphone was disconnected\. Plug it in again/);
    await page.evaluate(() => {
      (globalThis as unknown as { gone: boolean }).gone = false;
      navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
    });
    await eventually(() => notice(page).count()).toBe(0);
    expect(await phase(page)).toMatch(/listening|hearing|thinking|speaking/);
  });

  test("the page came over plain http from another machine", async () => {
    const lan = await serverOf({ allowed_hosts: "voice.test" });
    const page = await open(lan.url.replace("127.0.0.1", "voice.test"), {
      from: await browserOf({ hostnames: ["voice.test"] }),
    });
    await eventually(() => notice(page).innerText()).toMatch(/voicesrv serve --tls self-signed/);
    await type(page, "Typing works.");
    await until(page, () => document.querySelector(".reply .said")?.textContent?.includes("Typing works"));
  });

  test("the server is away, and comes back", async () => {
    const network = await startProxy(server.port);
    closing.push(() => network.stop());
    const page = await open(network.url);
    await eventually(() => page.locator("#engines").innerText()).toContain("echo");
    network.refuse();
    await type(page, "Are you there?");
    await eventually(() => notice(page).innerText()).toMatch(/^The server does not answer\. Check that it is running/);
    expect(await page.inputValue("#text")).toBe("Are you there?"); // nothing that was typed is lost
    network.allow();
    await page.press("#text", "Enter");
    await until(page, () => document.querySelector(".reply") !== null);
    network.refuse();
    await eventually(() => notice(page).innerText()).toMatch(/^The server is away\. The conversation goes on/);
    network.allow();
    await eventually(() => notice(page).count()).toBe(0);
  });

  test("a key is asked for, refused, taken, and in no address", async () => {
    const locked = await serverOf({ api_keys: "right(key)" }); // one that is no token of RFC 9110
    const page = await open(locked.url);
    const addresses: string[] = [];
    page.on("request", (request) => addresses.push(request.url()));
    page.on("websocket", (socket) => addresses.push(socket.url()));
    await page.locator("#key").waitFor();
    await expectAccessible(page);
    await page.fill("#key-value", "wrong");
    await page.keyboard.press("Enter");
    await eventually(() => page.locator("#key-refused").innerText()).toBe("The server does not know this key.");
    await page.fill("#key-value", "right(key)");
    await page.keyboard.press("Enter");
    await eventually(() => page.locator("#connection").innerText()).toBe("Connected");
    await type(page, "Hello.");
    await until(page, () => document.querySelector(".reply") !== null);
    await page.reload();
    await until(page, () => document.getElementById("connection")?.dataset.state === "connected");
    expect(addresses.filter((address) => /right|key/.test(address))).toEqual([]);
  });

  test("a token has ended", async () => {
    const locked = await serverOf({ api_keys: "right-key" });
    const page = await open(locked.url);
    await page.fill("#key-value", "vst_ended");
    await page.keyboard.press("Enter");
    await eventually(() => page.locator("#key-refused").innerText()).toMatch(/^This token has ended or was used/);
    await page.fill("#key-value", "right-key");
    await page.keyboard.press("Enter");
    await page.locator("#key").waitFor({ state: "hidden" });
    await type(page, "Hello.");
    await until(page, () => document.querySelector(".reply") !== null);
  });

  test("the server is full: it is tried again when it says", async () => {
    const small = await serverOf({ max_conversations: "1" });
    const first = await open(small.url);
    await type(first, "Hello.");
    await until(first, () => document.querySelector(".reply") !== null);
    const second = await open(small.url);
    await type(second, "Me too.");
    await expect
      .poll(() => notice(second).innerText())
      .toMatch(/^The server cannot take a conversation now: .* Next try in \d+ s\.$/);
    await first.click("#anew"); // hangs up
    await until(second, () => document.querySelector(".reply") !== null, 30_000);
    expect(await notice(second).count()).toBe(0);
  });

  test("the server speaks another version", async () => {
    const page = await open();
    await page.routeWebSocket(/\/ws/, (socket) => {
      socket.send(JSON.stringify({ type: "ready", seq: 1, protocol: "voicesrv.v9", conversation: "cv_1" }));
    });
    await page.reload();
    await type(page, "Hello.");
    await expect
      .poll(() => notice(page).innerText())
      .toMatch(/speaks another version than this page\. Reload the page/);
    expect(await page.getByRole("button", { name: "Reload" }).count()).toBe(1);
  });
});

describe("for everybody", () => {
  for (const [name, options] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    test(`${name}: axe finds nothing serious, and nothing is too wide`, async () => {
      const page = await open(server.url, options);
      await eventually(() => page.locator("#engines").innerText()).toContain("echo");
      await expectAccessible(page);
      await expectNarrow(page);
      await type(page, `${LONG} Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft.`);
      await sound(page);
      await page.locator(".timing summary").click();
      await expectAccessible(page);
      await expectNarrow(page);
      await page.click("#hush");
      await page.locator(".unheard").waitFor();
      await expectAccessible(page);
      await page.click("#open-settings");
      await expectAccessible(page);
      await expectNarrow(page);
    });
  }

  test("all of it by keyboard", async () => {
    const page = await open();
    await eventually(() => page.locator("#engines").innerText()).toContain("echo");
    const reached: string[] = [];
    for (let n = 0; n < 6; n++) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement?.id ?? ""));
    }
    expect(reached).toEqual(["open-settings", "log", "dial", "text", "send", ""]);
    await page.focus("#dial");
    await page.keyboard.press("Enter");
    await eventually(() => page.locator("#phase").innerText()).toBe("Listening…");
    await page.focus("#open-settings");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("open-settings");
  });
});

describe("figures", () => {
  const measured: Record<string, number> = {};
  afterAll(() => console.table(measured));

  test("what is transferred, and when the page can be used", async () => {
    const context = await quiet.newContext(DESKTOP);
    closing.push(() => context.close());
    const page = await context.newPage();
    const debugging = await context.newCDPSession(page);
    await debugging.send("Network.enable");
    let bytes = 0;
    debugging.on("Network.loadingFinished", ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await page.goto(server.url);
    // Its scripts are modules: they have run, and all buttons work, when this event is through.
    const interactiveMs = await page.evaluate(
      () => (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming).domContentLoadedEventEnd,
    );
    await page.click("#dial"); // the audio threads' scripts are fetched now
    await eventually(() => page.locator("#phase").innerText()).toBe("Listening…");
    measured["page transferred with headers, KB"] = Math.round(bytes / 102.4) / 10;
    measured["time to interactive on loopback, ms"] = Math.round(interactiveMs);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(150 * 1024);
    expect(interactiveMs).toBeLessThanOrEqual(1000);
  });

  test("the heap after 120 turns: ten minutes of talk have some 60", async () => {
    const swift = await serverOf({ vad: "null", stt: "null", llm: "null", tts: "null" });
    const page = await open(swift.url);
    const debugging = await page.context().newCDPSession(page);
    await debugging.send("Performance.enable");
    const heapMb = async (): Promise<number> => {
      for (let n = 0; n < 3; n++) await debugging.send("HeapProfiler.collectGarbage");
      const { metrics } = await debugging.send("Performance.getMetrics");
      return (metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? 0) / 1024 / 1024;
    };
    const talk = async (turns: number): Promise<void> => {
      await page.evaluate(async (turns) => {
        for (let n = 0; n < turns; n++) {
          const text = document.getElementById("text") as HTMLTextAreaElement;
          text.value = `Turn ${n}: what is said here is about as long as what people say in one go.`;
          text.form?.requestSubmit();
          const replies = () => document.querySelectorAll(".reply .said:not(:empty)").length;
          for (const before = replies(); replies() === before; ) {
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
          while (ears.peak() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
          text.value = "";
        }
      }, turns);
    };
    await page.click("#dial"); // the microphone is on all the while
    await talk(20);
    const before = await heapMb();
    await talk(120);
    const grownMb = (await heapMb()) - before;
    measured["heap growth over 120 turns with the microphone on, MB"] = Math.round(grownMb * 100) / 100;
    expect(await page.locator("#items > li").count()).toBeGreaterThanOrEqual(280);
    expect(grownMb).toBeLessThanOrEqual(5);
  });
});
