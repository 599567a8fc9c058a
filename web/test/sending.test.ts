import assert from "node:assert/strict";
import { test } from "node:test";
import { retryAfterMs, retryMs } from "../src/tracker/sender";
import { BATCH_BYTES } from "../src/tracker/wire";
import { DAY_MS, T0, begun, ids, stage, storage } from "./world";

const rows = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

test("what happens within two seconds goes as one batch", async () => {
  const world = stage();
  const tracker = begun(world);
  tracker.track("search");
  await world.pass(1_999);
  assert.equal(world.sent.length, 0);
  tracker.track("cart_view");
  await world.pass(1);
  assert.deepEqual(world.sent.map((batch) => batch.events.length), [2]);
  assert.equal(world.sent[0]!.sent_at_ms, T0 + 2_000);
  assert.equal(world.sent[0]!.events[0]!.event_time_ms, T0);
});

test("ten events go at once, and no batch has more", async () => {
  const world = stage();
  const tracker = begun(world);
  rows(25).forEach((i) => tracker.track("click", { i }));
  await world.pass(0);
  assert.deepEqual(world.sent.map((batch) => batch.events.length), [10, 10]);
  await world.pass(2_000);
  assert.equal(new Set(ids(world.sent)).size, 25);
});

test("one request at a time", async () => {
  const world = stage();
  world.answers = ["silent"];
  const tracker = begun(world);
  rows(30).forEach((i) => tracker.track("click", { i }));
  await world.pass(10_000);
  assert.equal(world.sent.length, 1);
});

test("a batch has at most 60 KB as UTF-8, and an event that never fits is dropped", async () => {
  const world = stage();
  const tracker = begun(world);
  rows(6).forEach((i) => tracker.track("click", { i, text: "ä".repeat(9_000) }));
  tracker.track("click", { text: "ä".repeat(40_000) });
  await world.pass(10_000);
  assert.equal(ids(world.sent).length, 6);
  for (const batch of world.sent) assert.ok(Buffer.byteLength(JSON.stringify(batch)) <= BATCH_BYTES);
});

test("503 with Retry-After: not earlier, the same events, by all pages of the browser", async () => {
  const shared = storage();
  const world = stage({}, shared);
  world.answers = [{ status: 503, retryAfter: "7" }];
  const tracker = begun(world);
  tracker.track("search");
  await world.pass(2_000);
  tracker.leave_();
  const other = stage({ hex_: (bytes) => "f".repeat(bytes * 2), now_: () => world.now }, shared);
  begun(other).track("cart_view");
  await world.pass(6_999);
  await other.pass(6_999);
  assert.deepEqual([world.sent.length, world.beacons.length, other.sent.length], [1, 0, 0]);
  await world.pass(1);
  assert.deepEqual(ids([world.sent[1]!]), ids([world.sent[0]!]));
});

test("silence, faults and 5xx are tried again, ever more slowly", async () => {
  const world = stage();
  world.answers = ["broken", { status: 500 }, { status: 429 }];
  begun(world).track("search");
  await world.pass(2_000);
  for (const wait of [1_000, 2_000, 4_000]) {
    const before = world.sent.length;
    await world.pass(wait - 1);
    assert.equal(world.sent.length, before);
    await world.pass(1);
    assert.equal(world.sent.length, before + 1);
  }
  await world.pass(100_000);
  assert.equal(world.sent.length, 4);
  assert.equal(new Set(ids(world.sent)).size, 1);
});

test("a batch that the collector cannot take is not sent for ever", async () => {
  const world = stage();
  world.answers = [{ status: 400 }];
  const tracker = begun(world);
  tracker.track("search");
  await world.pass(2_000);
  tracker.track("cart_view");
  await world.pass(100_000);
  assert.equal(world.sent.length, 2);
});

test("waits: seconds, dates, the cap, chance", () => {
  assert.equal(retryAfterMs("3", T0), 3_000);
  assert.equal(retryAfterMs(new Date(T0 + 5_000).toUTCString(), T0), 5_000);
  assert.deepEqual([null, "", "soon", "-1"].map((text) => retryAfterMs(text, T0)), [0, 0, 0, 0]);
  assert.deepEqual([0, 1, 20].map((tries) => retryMs(tries, 0, 0)), [1_000, 2_000, 60_000]);
  assert.equal(retryMs(0, 10_000, 0), 10_000);
  assert.equal(retryMs(0, 10_000, 1), 15_000);
});

test("a page that is left sends what is not acknowledged with the same ids", async () => {
  const world = stage();
  world.answers = ["silent"];
  const tracker = begun(world);
  tracker.track("search");
  await world.pass(2_000);
  tracker.track("cart_view");
  tracker.leave_();
  assert.equal(ids(world.beacons).length, 2);
  assert.ok(ids(world.beacons).includes(ids(world.sent)[0]!));
});

test("what no beacon took and nobody acknowledged is sent by the next page, once", async () => {
  const shared = storage();
  const world = stage({}, shared);
  world.beaconsFit = 0;
  const tracker = begun(world);
  rows(3).forEach((i) => tracker.track("click", { i }));
  tracker.leave_();
  const next = stage({ hex_: (bytes) => "e".repeat(bytes * 2) }, shared);
  begun(next);
  await next.pass(2_000);
  assert.equal(ids(next.sent).length, 3);
  assert.equal(next.sent[0]!.device_seed, shared.getItem("footfall.seed"));
  const third = stage({}, shared);
  begun(third);
  await third.pass(10_000);
  assert.equal(third.sent.length, 0);
});

test("the queue holds the newest 500, and nothing that ingest would count twice", async () => {
  const world = stage();
  world.answers = Array(5).fill({ status: 503, retryAfter: "60" });
  const tracker = begun(world);
  rows(600).forEach((i) => tracker.track("click", { i }));
  await world.pass(100_000);
  world.answers = [];
  await world.pass(1_000_000);
  const numbers = new Set(world.sent.slice(-50).flatMap(({ events }) => events.map((row) => row.properties.i)));
  assert.equal(numbers.size, 500);
  assert.ok(!numbers.has(99) && numbers.has(100));

  world.sent = [];
  world.answers = ["broken"];
  tracker.track("search");
  await world.pass(2_000);
  world.answers = Array(10_000).fill("broken");
  await world.pass(DAY_MS);
  world.answers = [];
  world.sent = [];
  await world.pass(200_000);
  assert.equal(world.sent.length, 0);
});

test("a store that is full or unreadable costs nothing but the past", async () => {
  const full = stage({}, storage(true));
  begun(full).track("search");
  await full.pass(2_000);
  assert.equal(full.sent.length, 1);
  const shared = storage();
  shared.setItem("footfall.queue.old", "{");
  const broken = stage({}, shared);
  begun(broken).track("search");
  await broken.pass(2_000);
  assert.equal(broken.sent.length, 1);
});
