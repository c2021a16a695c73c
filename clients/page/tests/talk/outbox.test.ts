import { expect, test } from "vitest";
import { Outbox } from "../../src/talk/outbox.js";

test("what was sent does not come back", async () => {
  expect(await new Outbox().send("one", async () => true)).toEqual([]);
});

test("what was refused comes back in order, whichever was answered first", async () => {
  const outbox = new Outbox();
  const answers: ((sent: boolean) => void)[] = [];
  const deliver = () => new Promise<boolean>((resolve) => answers.push(resolve));
  const sends = ["one", "two", "three"].map((text) => outbox.send(text, deliver));
  expect(outbox.waiting).toEqual(["one", "two", "three"]);
  answers[2]?.(false);
  answers[1]?.(true);
  await Promise.resolve();
  expect(outbox.waiting).toEqual(["one", "three"]);
  answers[0]?.(false);
  expect((await Promise.all(sends)).filter((back) => back.length > 0)).toEqual([["one", "three"]]);
  expect(outbox.waiting).toEqual([]);
  expect(await outbox.send("four", async () => false)).toEqual(["four"]); // and each once
});

test("what could not even be tried comes back with the next", async () => {
  const outbox = new Outbox();
  const deliver = () => Promise.reject(new Error("no"));
  await expect(outbox.send("one", deliver)).rejects.toThrow("no");
  expect(outbox.waiting).toEqual(["one"]);
  expect(await outbox.send("two", async () => false)).toEqual(["one", "two"]);
  expect(await outbox.send("three", async () => true)).toEqual([]);
});
