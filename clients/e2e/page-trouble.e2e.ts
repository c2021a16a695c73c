/** What goes wrong around the page to talk on, and how it gets well. */

import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { startProxy, startServer } from "./harness/index.js";
import {
  answered,
  connected,
  eventually,
  expectAccessible,
  LONG,
  loseNoTime,
  notice,
  sound,
  type,
  until,
  useStand,
} from "./page-support.js";

const stand = useStand();
const { browserOf, closing, open, serverOf, talkative } = stand;

/** Press "Try now" where it is offered: no test has to wait for the next try. */
async function hurry(page: Page): Promise<void> {
  await page.evaluate(() => {
    const buttons = [...document.querySelectorAll<HTMLButtonElement>(".notice button")];
    buttons.find(({ textContent }) => textContent === "Try now")?.click();
  });
}

describe("what goes wrong is said in a sentence, and gets well without a reload", () => {
  test("the microphone is denied", async () => {
    const page = await open(stand.server.url, { from: await browserOf({ allowMicrophone: false }) });
    await page.click("#dial");
    await eventually(() => notice(page).innerText()).toMatch(/^The microphone is not allowed here\. Allow it/);
    await type(page, "Typing works.");
    await sound(page);
    await expectAccessible(page);
  });

  test("there is no microphone, and then there is one", async () => {
    const page = await open(stand.server.url, { from: await talkative() });
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
    const page = await open(stand.server.url, { from: await talkative() });
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
    expect(await page.evaluate(() => document.body.dataset.phase)).toMatch(/listening|hearing|thinking|speaking/);
  });

  test("the page came over plain http from another machine", async () => {
    const lan = await serverOf({ allowed_hosts: "voice.test" });
    const page = await open(lan.url.replace("127.0.0.1", "voice.test"), {
      from: await browserOf({ hostnames: ["voice.test"] }),
    });
    await eventually(() => notice(page).innerText()).toMatch(/voicesrv serve --tls self-signed/);
    await type(page, "Typing works.");
    await until(page, () => document.querySelector(".reply .said")?.textContent?.includes("Typing works"));
    // Nothing is heard here, so the reply is told to a screen reader.
    await eventually(() => page.locator("#announcer").innerText()).toMatch(/^Reply: I heard: Typing works\./);
  });

  test("the server is away, and comes back", async () => {
    const network = await startProxy(stand.server.port);
    closing.push(() => network.stop());
    const page = await open(network.url);
    await eventually(() => page.locator("#engines").innerText()).toContain("echo");
    network.refuse();
    await type(page, "Are you there?");
    await eventually(() => notice(page).innerText()).toMatch(/^The server does not answer\. Check that it is running/);
    expect(await page.inputValue("#text")).toBe("Are you there?"); // nothing that was typed is lost
    network.allow();
    await page.press("#text", "Enter");
    await answered(page);
    network.refuse();
    await eventually(() => notice(page).innerText()).toMatch(/^The server is away\. The conversation goes on/);
    await page.getByRole("button", { name: "Try now" }).waitFor();
    network.allow();
    await hurry(page);
    await eventually(() => notice(page).count()).toBe(0);
  });

  test("the network dies without a word: what was typed into it is said by the page that is loaded anew", async () => {
    const network = await startProxy(stand.server.port);
    closing.push(() => network.stop());
    const page = await open(network.url);
    await type(page, "Hello.");
    await answered(page);
    network.swallow();
    await type(page, "Are you there?");
    await page.reload();
    await answered(page, 2);
    expect(await page.locator(".turn .said").allInnerTexts()).toEqual(["Hello.", "Are you there?"]);
    expect(await page.inputValue("#text")).toBe("");
  });

  test("the network dies without a word as a token is asked for: it is tried again", async () => {
    const locked = await serverOf({ api_keys: "right-key" });
    const network = await startProxy(locked.port);
    closing.push(() => network.stop());
    const page = await open(network.url);
    await loseNoTime(page);
    await page.fill("#key-value", "right-key");
    await page.keyboard.press("Enter");
    await eventually(() => page.locator("#connection").innerText()).toBe("Connected");
    await page.route("**/v1/token", () => undefined);
    network.cut();
    await eventually(() => notice(page).innerText()).toMatch(/^The server is away\./);
    await page.unroute("**/v1/token");
    await eventually(async () => {
      await hurry(page); // once the request that hangs is given up
      return page.locator("#connection").innerText();
    }).toBe("Connected");
    expect(await notice(page).count()).toBe(0);
  });

  test("a page that is loaded anew gets no answer: it says so, and goes on when it is asked to", async () => {
    const page = await open();
    await loseNoTime(page);
    await type(page, "Hello.");
    await answered(page);
    await page.route("**/v1/*", () => undefined);
    await page.reload();
    await eventually(() => notice(page).innerText()).toMatch(/^The server does not answer\./);
    await page.unroute("**/v1/*");
    await page.getByRole("button", { name: "Try again" }).click();
    await eventually(() => page.locator("#connection").innerText()).toBe("Connected");
    expect(await notice(page).count()).toBe(0);
  });

  test("what there is to choose cannot be asked for: no matter while there is a connection, and it is over once it can", async () => {
    const page = await open();
    await type(page, "Hello.");
    await answered(page);
    const refuse = () => page.route("**/v1/*", (route) => route.abort());
    await refuse();
    const failed = page.waitForEvent("requestfailed");
    await page.click("#open-settings");
    await failed;
    await page.keyboard.press("Escape");
    await type(page, "And then?");
    await answered(page, 2);
    expect(await notice(page).count()).toBe(0);
    await page.unroute("**/v1/*");
    await page.click("#anew");
    await refuse();
    await page.click("#open-settings");
    await eventually(() => notice(page).innerText()).toMatch(/^The server does not answer\./);
    await page.keyboard.press("Escape");
    await page.unroute("**/v1/*");
    await page.click("#open-settings");
    await eventually(() => notice(page).count()).toBe(0);
  });

  test("a speaker that cannot be used is said, and the choice taken back", async () => {
    const page = await open(stand.server.url, { permissions: ["microphone"] });
    await page.addInitScript(() => {
      const refused = () => Promise.reject(new DOMException("no", "NotAllowedError"));
      Object.assign(AudioContext.prototype, { setSinkId: refused });
    });
    await page.reload();
    await page.click("#dial");
    await eventually(() => page.locator("#phase").innerText()).toBe("Listening…");
    await page.click("#open-settings");
    await until(page, () => document.querySelectorAll("#speaker option").length > 1);
    await page.selectOption("#speaker", { index: 1 });
    await eventually(() => notice(page).innerText()).toMatch(/^That speaker cannot be used\./);
    await eventually(() => page.inputValue("#speaker")).toBe("");
    const kept = await page.evaluate(() => localStorage.getItem("voicesrv.preferences") ?? "{}");
    expect(JSON.parse(kept).speaker ?? "").toBe("");
  });

  test("the network is too slow for sound: it is said until a reply is heard whole", async () => {
    const page = await open();
    await type(page, "Hello.");
    await sound(page);
    const debugging = await page.context().newCDPSession(page);
    await debugging.send("Network.enable");
    const limit = (kbit: number) =>
      debugging.send("Network.emulateNetworkConditions", {
        offline: false,
        latency: 0,
        downloadThroughput: kbit * 125, // speech has 350 here
        uploadThroughput: -1,
      });
    await limit(200);
    await type(page, LONG);
    await eventually(() => notice(page).innerText()).toBe("The network is too slow for sound; captions go on.");
    await limit(-1);
    await page.click("#hush");
    await type(page, "Hello.");
    await eventually(() => notice(page).count()).toBe(0);
  });

  test("the server stops, which is one notice, and what is typed meanwhile is seen and sent", async () => {
    const first = await startServer();
    closing.push(() => first.kill());
    const page = await open(first.url);
    await type(page, "Hello.");
    await sound(page);
    await first.stop();
    closing.pop();
    await eventually(() => notice(page).allInnerTexts()).toEqual([expect.stringMatching(/^The server is away\./)]);
    await type(page, "Are you there?");
    await eventually(() => page.locator(".turn:not(.is-settled)").innerText()).toContain("Are you there?");
    await serverOf({ port: String(first.port) });
    await hurry(page);
    await answered(page, 2, 40_000);
    expect(await page.locator(".turn .said").allInnerTexts()).toEqual(["Hello.", "Are you there?"]);
    expect(await page.locator(".notice").count()).toBe(0);
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
    await answered(page);
    await page.reload();
    await connected(page);
    expect(addresses.filter((address) => /right|key/.test(address))).toEqual([]);
  });

  for (const [name, before, then] of [
    ["with its key", "a-key-of-ours", "a-key-of-ours"],
    ["with its first key", "", "a-key-of-ours"],
    ["with another key", "a-key-of-ours", "another-key"],
  ] as const) {
    test(`the server is killed while it listens, and comes back ${name}`, async () => {
      const first = await startServer(before === "" ? {} : { api_keys: before });
      closing.push(() => first.kill());
      const page = await open(first.url);
      const enter = async (key: string) => {
        await page.fill("#key-value", key);
        await page.keyboard.press("Enter");
        await page.locator("#key").waitFor({ state: "hidden" });
      };
      const icon = () => page.locator("#dial").getAttribute("data-icon");
      if (before !== "") await enter(before);
      await page.click("#dial");
      await eventually(icon).toBe("bars");
      await connected(page);
      await first.kill();
      closing.pop();
      await eventually(() => notice(page).innerText()).toMatch(/^The server is away\. The conversation goes on/);
      await serverOf({ api_keys: then, port: String(first.port) });
      await hurry(page);
      if (before !== then) {
        await page.locator("#key").waitFor({ timeout: 30_000 });
        await page.click("#key-later");
        await eventually(() => notice(page).innerText()).toMatch(/key/);
        await page.waitForTimeout(500);
        expect(await page.locator("#key").isVisible()).toBe(false);
        await page.getByRole("button", { name: "Enter a key" }).click();
        await enter(then);
      }
      await connected(page, 40_000);
      await eventually(icon).toBe("bars"); // it was on, and is again
      await eventually(() => page.locator("#phase").innerText()).toBe("Listening…");
      expect(await page.locator(".notice").count()).toBe(0);
      await type(page, "Are you there?");
      await until(page, () => document.querySelector(".reply .said")?.textContent?.includes("Are you there?"));
    });
  }

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
    await answered(page);
  });

  test("the server is full: it is tried again when it says, and what waits outlives a reload", async () => {
    const small = await serverOf({ max_conversations: "1" });
    const first = await open(small.url);
    await type(first, "Hello.");
    await answered(first);
    const second = await open(small.url);
    await type(second, "Me too.");
    await second.fill("#text", "And this.");
    await second.reload();
    expect(await second.inputValue("#text")).toBe("Me too.\nAnd this.");
    await second.press("#text", "Enter");
    await expect
      .poll(() => notice(second).innerText())
      .toMatch(/^The server cannot take a conversation now: .* Next try in \d+ s\.$/);
    await first.click("#anew"); // hangs up
    await answered(second, 1, 30_000);
    expect(await second.locator(".turn .said").allInnerTexts()).toEqual(["Me too.\nAnd this."]);
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
