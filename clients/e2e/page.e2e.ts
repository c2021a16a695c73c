/** The page to talk on, served by the server itself, in a real browser. */

import { expect, test } from "vitest";
import { startProxy } from "./harness/index.js";
import {
  answered,
  bubbles,
  connected,
  eventually,
  expectAccessible,
  LONG,
  notice,
  silence,
  sound,
  type,
  until,
  useStand,
} from "./page-support.js";

const stand = useStand();
const { closing, open, serverOf, talkative } = stand;

test("talk: captions that settle, a spoken reply, and speech over it silences it and strikes it through", async () => {
  const page = await open(stand.server.url, { from: await talkative() });
  await page.evaluate(() => {
    Object.assign(globalThis, { tentative: 0, marked: 0, level: 0, told: [] });
    const announcer = document.getElementById("announcer") as HTMLElement;
    new MutationObserver(() => (globalThis as unknown as { told: string[] }).told.push(announcer.innerText)).observe(
      announcer,
      { childList: true },
    );
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
  expect(await page.locator(".waterfall tbody th").allInnerTexts()).toEqual([
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
  expect(await page.locator(".aside").first().innerText()).toBe("Talked over.");
  await answered(page, 2);
  const seen = await page.evaluate(() => {
    const { tentative, marked, level } = globalThis as unknown as Record<string, number>;
    return { tentative, marked, level };
  });
  expect(seen.tentative).toBeGreaterThan(0);
  expect(seen.marked).toBeGreaterThan(0);
  expect(seen.level).toBeGreaterThan(0.2);
  // A screen reader is told what was understood, once it stays; a reply that is heard is not read aloud as well.
  const told = await page.evaluate(() => (globalThis as unknown as { told: string[] }).told);
  expect(told).toHaveLength(2);
  for (const each of told) expect(each).toMatch(/^You: /);
});

test("a reply that is cut off by a message says so", async () => {
  const page = await open();
  await type(page, LONG);
  await sound(page);
  await type(page, "Wait.");
  await page.locator(".unheard").waitFor();
  expect(await page.locator(".aside").innerText()).toBe("Cut off by the next message.");
});

test("the socket is cut in mid-reply: it goes on, with nothing missing and nothing twice", async () => {
  const network = await startProxy(stand.server.port);
  closing.push(() => network.stop());
  const page = await open(network.url);
  await type(page, LONG);
  await sound(page);
  await page.waitForTimeout(1000);
  network.cut();
  await eventually(() => page.locator("#connection").getAttribute("data-state")).toBe("connected");
  await until(page, () => document.body.dataset.phase === "listening", 60_000);
  await type(page, "And then?");
  await answered(page, 2);
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
  await answered(page);
  await until(page, () => document.body.dataset.phase === "listening");
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

test("a reload in a short reply, of which all had arrived, hears it out and listens again", async () => {
  const page = await open();
  await type(page, "Hello.");
  await sound(page);
  await until(page, () => document.body.dataset.phase === "listening");
  await type(page, "And then?");
  await sound(page);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await page.evaluate(() => document.body.dataset.phase)).toBe("speaking");
  await page.reload();
  await page.mouse.click(640, 120);
  await sound(page);
  await until(page, () => document.body.dataset.phase === "listening");
});

test("what follows a reload after a reply that was heard out is heard", async () => {
  const page = await open();
  // Lengths that are whole numbers of ms are rare.
  for (const text of ["Hi.", "So.", "Why?"]) {
    await type(page, text);
    await sound(page);
    await until(page, () => document.body.dataset.phase === "listening");
    await silence(page);
    await page.reload();
  }
  expect(await page.locator("#items .reply").count()).toBe(3);
});

test("the end stays in sight whatever takes of its room, and a message leads back to it", async () => {
  const page = await open();
  for (let n = 1; n <= 4; n++) {
    await type(page, `${n}. ${LONG} ${LONG}`);
    await eventually(() => page.locator(".timing").count()).toBe(n);
  }
  await page.click("#hush");
  await silence(page);
  const hidden = () =>
    page.$eval("#log", ({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight);
  await eventually(hidden).toBeLessThan(2);
  await page.setViewportSize({ width: 1280, height: 420 }); // as with a keyboard on the screen
  await eventually(hidden).toBeLessThan(2);
  await page.fill("#text", "one\ntwo\nthree\nfour\nfive\nsix");
  await eventually(hidden).toBeLessThan(2);
  await page.$eval("#log", (log) => log.scrollTo(0, 0));
  await page.setViewportSize({ width: 1280, height: 500 }); // whoever reads what was said before is left there
  await page.waitForTimeout(200);
  expect(await page.$eval("#log", ({ scrollTop }) => scrollTop)).toBe(0);
  await page.press("#text", "Enter");
  await eventually(() => page.locator(".turn").count()).toBe(5);
  await eventually(hidden).toBeLessThan(2);
});

test("the link is copied, or selected where the browser does not let it be copied", async () => {
  const page = await open();
  await type(page, "Hello.");
  await page.click("#share:not(:disabled)");
  const selected = () =>
    page.$eval("#sharing-link", (link) => {
      const { value, selectionStart, selectionEnd } = link as HTMLInputElement;
      return value.slice(selectionStart ?? 0, selectionEnd ?? 0);
    });
  expect(await selected()).toMatch(/\?conversation=cv_/);
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await page.click("#copy");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("sharing-link");
  expect(await selected()).toBe(await page.inputValue("#sharing-link"));
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.resolve();
  });
  await page.click("#copy");
  await eventually(() => page.locator("#copy").innerText()).toBe("Copied");
  await page.keyboard.press("Escape");
  await page.click("#share");
  expect(await page.locator("#copy").innerText()).toBe("Copy");
});

test("sound is being opened when somebody is about to type", async () => {
  const page = await open();
  const made = () => page.evaluate(() => (globalThis as unknown as { made: string[] }).made);
  await page.evaluate(() => {
    const made: string[] = Object.assign(globalThis, { made: [] }).made;
    globalThis.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options);
        made.push(document.getElementById("connection")?.dataset.state ?? "");
      }
    };
  });
  await page.click("#text");
  await eventually(made).toEqual(["idle"]);
  await type(page, "Hello.");
  await sound(page);
  expect(await made()).toEqual(["idle"]); // and that one serves
});

test("two pages share a conversation by its link, and a third that begins anew has its own", async () => {
  const first = await open();
  await type(first, "Hello from the first.");
  await answered(first);
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
  await connected(second);
  await eventually(() => notice(second).innerText()).toMatch(
    /^You have joined a conversation\. Others in it see and hear/,
  );
  await type(first, "Are you there?");
  await answered(second);
  expect((await bubbles(second))[0]).toBe("Are you there?");
  await type(second, "I am.");
  await until(first, () => document.querySelectorAll(".turn").length === 3);
  await second.click("#anew");
  expect(await notice(second).count()).toBe(0);
  await type(second, "Alone.");
  await answered(second);
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
  const joining = await open(`${stand.server.url}/?conversation=${encodeURIComponent(hostile)}`);
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
  await connected(page);
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
  const page = await open(stand.server.url, { from: await talkative() });
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

test("push to talk, with the space bar, as soon as the dialog that turned it on is closed", async () => {
  const page = await open();
  await page.click("#open-settings");
  await page.check("#push-to-talk");
  for (const close of [() => page.keyboard.press("Escape"), () => page.click("#settings header button")]) {
    await close();
    await until(page, () => document.activeElement?.id === "dial");
    await expectAccessible(page);
    await page.keyboard.down("Space");
    await eventually(() => page.locator("#phase").innerText()).toBe("Listening while you hold");
    await page.keyboard.up("Space");
    expect(await page.locator("#settings").isVisible()).toBe(false);
    await page.click("#open-settings");
  }
});

test("a choice is told to the server and kept; one that it cannot carry out is taken back, one it has not let go", async () => {
  const page = await open();
  const sent: string[] = [];
  page.on("websocket", (socket) => sent.push(socket.url()));
  await type(page, "Hello.");
  await answered(page);
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
  await connected(page);
  await page.click("#anew");
  await type(page, "Hello again.");
  await answered(page);
  expect(sent).toHaveLength(3);
  expect(sent[2]).toContain("voice=en-gb-scotland");
  expect(sent[2]).not.toMatch(/llm=|stt=|agent=/);
});

test("a speaker that was chosen serves after a reload", async () => {
  const page = await open(stand.server.url, { permissions: ["microphone"] });
  await page.context().addInitScript(() => {
    const sinks: string[] = [];
    Object.assign(globalThis, { sinks });
    const prototype = AudioContext.prototype as AudioContext & { setSinkId(id: string): Promise<void> };
    const usual = prototype.setSinkId;
    prototype.setSinkId = async function (this: AudioContext, id: string) {
      await usual.call(this, id); // one that fails does not count
      sinks.push(id);
    };
  });
  await page.reload();
  await page.click("#dial");
  await eventually(() => page.locator("#phase").innerText()).toBe("Listening…");
  await page.click("#open-settings");
  await until(page, () => document.querySelectorAll("#speaker option").length > 1);
  const chosen = (await page.locator("#speaker option").nth(1).getAttribute("value")) ?? "";
  expect(chosen).not.toBe("");
  await page.selectOption("#speaker", chosen);
  const sinks = () => page.evaluate(() => (globalThis as unknown as { sinks: string[] }).sinks);
  await eventually(sinks).toContain(chosen);
  await page.reload();
  await connected(page);
  await eventually(sinks).toContain(chosen);
});

test("a face in place of the dial: it speaks, is remembered, and goes again", async () => {
  const page = await open();
  await eventually(() => page.locator("#engines").innerText()).toContain("echo");
  expect(await page.locator("voice-avatar").count()).toBe(0);
  await page.click("#open-settings");
  await page.check("#face");
  await page.keyboard.press("Escape");
  await page.locator("#dial voice-avatar").waitFor();
  await expectAccessible(page);
  const mouth = () =>
    page.$eval("voice-avatar", (face) => face.shadowRoot?.querySelector(".lips")?.getAttribute("d") ?? "");
  const shapes = new Set<string>();
  await type(page, LONG);
  await sound(page);
  for (let n = 0; n < 20; n++) {
    shapes.add(await mouth());
    await page.waitForTimeout(50);
  }
  expect(shapes.size).toBeGreaterThan(3);
  expect(await page.locator("voice-avatar").getAttribute("state")).toBe("speaking");
  expect(await page.locator("#dial").ariaSnapshot()).toBe('- button "Start talking"');
  await page.reload();
  await page.locator("#dial voice-avatar").waitFor();
  await page.click("#dial"); // it is the button still
  await eventually(() => page.locator("#dial-label").innerText()).toBe("Stop the microphone");
  await page.click("#anew");
  await type(page, LONG);
  await until(page, () => document.querySelector("voice-avatar")?.getAttribute("state") === "speaking");
  await page.click("#open-settings");
  await page.uncheck("#face");
  expect(await page.locator("voice-avatar").count()).toBe(0);
});

test("a text that is longer than the server takes is kept, and the limit is said", async () => {
  const page = await open((await serverOf({ max_text_bytes: "2048" })).url);
  await type(page, "Hello."); // the server says what it takes
  await answered(page);
  const long = "A long story, told in many words. ".repeat(80).trim();
  await page.focus("#text");
  await page.keyboard.insertText(long); // as by pasting
  const problem = page.locator("#entry-problem");
  await eventually(() => problem.innerText()).toMatch(/^This is too long: the server takes 2,048 bytes at most\./);
  await page.keyboard.press("Enter");
  expect(await page.inputValue("#text")).toBe(long);
  expect(await page.locator(".turn").count()).toBe(1);
  await expectAccessible(page);
  await page.fill("#text", long.slice(0, 1900));
  expect(await problem.isVisible()).toBe(false);
  await page.press("#text", "Enter");
  await until(page, () => document.querySelectorAll(".turn").length === 2);
  expect(await page.locator("#connection").getAttribute("data-state")).toBe("connected");
});
