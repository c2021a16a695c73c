import { expect, test } from "vitest";
import { Heartbeat } from "../src/heartbeat.js";
import { ScriptedWorld } from "./scripted.js";

function make() {
  const world = new ScriptedWorld();
  const told: [string, number][] = [];
  const tell = (what: string) => () => {
    told.push([what, world.nowMs]);
  };
  return { world, told, heartbeat: new Heartbeat(world.after, 10, tell("ping"), tell("dead")) };
}

test("pings a while after each answer; anything that comes is one", () => {
  const { world, told, heartbeat } = make();
  heartbeat.start(100);
  world.pass(105);
  heartbeat.heard();
  world.pass(50);
  heartbeat.heard(); // does not put it off
  world.pass(50);
  expect(told).toEqual([
    ["ping", 100],
    ["ping", 205],
  ]);
});

test("is dead where nothing comes, and is told so once", () => {
  const { world, told, heartbeat } = make();
  heartbeat.start(100);
  world.pass(1000);
  expect(told).toEqual([
    ["ping", 100],
    ["dead", 110],
  ]);
});

test("stops, and starts anew", () => {
  const { world, told, heartbeat } = make();
  heartbeat.start(100);
  world.pass(101);
  heartbeat.stop();
  world.pass(1000);
  heartbeat.start(50);
  world.pass(50);
  expect(told).toEqual([
    ["ping", 100],
    ["ping", 1151],
  ]);
});

test("pings at once where it is asked to look, and waits less long", () => {
  const { world, told } = make();
  const tell = (what: string) => () => told.push([what, world.nowMs]);
  const heartbeat = new Heartbeat(world.after, 10_000, tell("ping"), tell("dead"));
  heartbeat.check(); // no connection stands
  heartbeat.start(15_000);
  world.pass(100);
  heartbeat.check();
  world.pass(50);
  heartbeat.heard();
  world.pass(14_000);
  expect(told).toEqual([["ping", 100]]);
  heartbeat.check();
  for (let n = 0; n < 8; n++) {
    world.pass(2500);
    heartbeat.check(); // does not put off what an earlier one found
  }
  expect(told.slice(1)).toEqual([
    ["ping", 14_150],
    ["dead", 17_150],
  ]);
});
