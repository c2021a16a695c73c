import { expect, test } from "vitest";
import { Face } from "../src/face.js";
import { Life } from "../src/life.js";
import { FakeClient } from "./fake-client.js";

function make() {
  const client = new FakeClient();
  const listening = new AbortController();
  const face = new Face(new Life(() => 0.5));
  face.listen(client.real, listening.signal);
  return { client, face, listening };
}

const OU = { reply: 4, items: [{ viseme: "ou", start_ms: 0, end_ms: 500 }] };

test("a pose is the mouth of what is heard and the bearing of the state", () => {
  const { client, face } = make();
  client.tell("ready", { conversation: "c1" });
  client.tell("visemes", OU);
  client.playing = 4;
  client.played = 200;
  const pose = face.step(client.real, "speaking", 16, false);
  expect(pose).toMatchObject({ state: "speaking", calm: false, visemes: { ou: 1 } });
  expect(face.pose).toBe(pose);
  client.tell("ready", { conversation: "c2" }); // numbers of replies begin anew
  expect(face.step(client.real, "speaking", 1000, true)).toMatchObject({ calm: true, breath: 0, visemes: { ou: 0 } });
});

test("the level is that of the user while they speak, up to 1, and none in silence", () => {
  const { client, face } = make();
  client.tell("level", { rms: 0.1, peak: 0.3 });
  expect(face.step(client.real, "hearing", 16, false).level).toBeCloseTo(0.63, 2);
  expect(face.step(client.real, "speaking", 16, false).level).toBe(0);
  client.tell("level", { rms: 0.9, peak: 1 });
  expect(face.step(client.real, "hearing", 16, false).level).toBe(1);
  expect(face.step(client.real, "listening", 16, false).level).toBe(0);
});

test("it may rest while nobody speaks and its mouth is shut", () => {
  const { client, face } = make();
  const after = (state: "listening" | "speaking", seconds: number) => {
    for (let n = 0; n < seconds * 60; n++) face.step(client.real, state, 16, true);
    return face.restMs;
  };
  expect(after("listening", 0.5)).toBeGreaterThan(100);
  expect(after("speaking", 0.5)).toBe(0);
  client.tell("visemes", OU);
  client.playing = 4;
  client.played = 200;
  face.step(client.real, "speaking", 16, true);
  client.playing = 0;
  expect(after("listening", 0.02)).toBe(0); // it still closes
});

test("a client that was let go is not heard", () => {
  const { client, face, listening } = make();
  listening.abort();
  client.tell("visemes", OU);
  client.playing = 4;
  client.played = 200;
  expect(face.step(client.real, "speaking", 16, false).visemes.ou).toBe(0);
});
