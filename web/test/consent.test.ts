import assert from "node:assert/strict";
import { test } from "node:test";
import { takeOver } from "../src/tracker/layer";
import type { Fields } from "../src/tracker/wire";
import { begun, names, stage, storage } from "./world";

const WAITING = { granted_: false };
const stored = (shared: Storage): string[] => Object.keys(shared).sort();
const gtag = (...row: unknown[]): Fields =>
  (function () {
    return arguments;
  })(...(row as [])) as unknown as Fields;

test("before a word nothing is stored and nothing sent; with it, all of the page", async () => {
  const shared = storage();
  const world = stage({}, shared);
  const tracker = begun(world, WAITING);
  tracker.track("page_view");
  tracker.leave_();
  tracker.flush();
  await world.pass(100_000);
  assert.deepEqual([world.sent.length, world.beacons.length, stored(shared)], [0, 0, []]);
  tracker.consent("granted");
  await world.pass(2_000);
  assert.deepEqual(names(world.sent), ["page_view", "consent"]);
  assert.deepEqual(stored(shared), ["footfall.consent", "footfall.seed"]);
  assert.equal(world.sent[0]!.context.consent, "granted");
  assert.deepEqual(world.told, [true]);
});

test("a page that is left before a word leaves nothing", () => {
  const shared = storage();
  const first = begun(stage({}, shared), WAITING);
  first.track("page_view");
  first.leave_();
  assert.deepEqual(stored(shared), []);
});

test("the word holds on later pages and is told once", async () => {
  const shared = storage();
  begun(stage({}, shared), WAITING).consent("granted");
  const later = stage({}, shared);
  const tracker = begun(later, WAITING);
  tracker.consent("granted");
  tracker.track("search");
  await later.pass(2_000);
  assert.deepEqual(names(later.sent).slice(-1), ["search"]);
  assert.equal(names(later.sent).filter((name) => name === "consent").length, 1); // the first page's, from its queue
});

test("a denial is told to the engine, and everything is forgotten", async () => {
  const shared = storage();
  const world = stage({}, shared);
  const tracker = begun(world, WAITING);
  tracker.consent("granted");
  const seed = shared.getItem("footfall.seed");
  tracker.consent("denied");
  assert.deepEqual(stored(shared), []);
  assert.deepEqual([names(world.sent), world.sent[0]!.device_seed], [["consent"], seed]);
  assert.equal(world.sent[0]!.events[0]!.properties.status, "denied");
  assert.equal(world.sent[0]!.context.consent, "denied");
  tracker.track("search");
  await world.pass(100_000);
  assert.equal(world.sent.length, 1);
  assert.deepEqual(world.told, [true, false]);
  tracker.consent("granted");
  assert.notEqual(shared.getItem("footfall.seed"), seed);
});

test("a denial without a grant before says nothing to anybody", async () => {
  const shared = storage();
  const world = stage({}, shared);
  const tracker = begun(world, WAITING);
  tracker.track("page_view");
  tracker.consent("denied");
  await world.pass(100_000);
  assert.deepEqual([world.sent.length, stored(shared)], [0, []]);
});

test("where no word is needed, a way out is remembered", async () => {
  const shared = storage();
  begun(stage({}, shared)).consent("denied");
  assert.deepEqual(stored(shared), ["footfall.consent"]);
  const later = stage({}, shared);
  begun(later).track("search");
  await later.pass(100_000);
  assert.equal(later.sent.length, 0);
});

test("Consent Mode: a default waits or grants, an update is the visitor's word", async () => {
  const world = stage();
  const layer: Fields[] = [gtag("consent", "default", { analytics_storage: "denied", ad_storage: "denied" })];
  const tracker = begun(world, { granted_: false });
  takeOver(tracker, layer);
  layer.push({ event: "view_cart" });
  await world.pass(100_000);
  assert.equal(world.sent.length, 0);
  layer.push(gtag("consent", "update", { analytics_storage: "granted" }));
  await world.pass(2_000);
  assert.deepEqual(names(world.sent), ["view_cart", "consent"]);
  assert.equal(world.sent[0]!.context.consent, "denied"); // ad_storage: nobody may act
});

test("Consent Mode: a default that grants for some regions grants for none", async () => {
  const world = stage();
  const layer: Fields[] = [];
  const tracker = begun(world, { granted_: false });
  takeOver(tracker, layer);
  layer.push(gtag("consent", "default", { analytics_storage: "granted", region: ["US"] }));
  tracker.start_();
  tracker.track("search");
  await world.pass(100_000);
  assert.equal(world.sent.length, 0);
});

test("Consent Mode: a default that denies holds back what an earlier page was granted", async () => {
  const shared = storage();
  begun(stage({}, shared), WAITING).consent("granted");
  const kept = stored(shared);
  const later = stage({}, shared);
  const tracker = begun(later, WAITING);
  tracker.assume_({ analytics_storage: "denied" });
  tracker.track("search");
  await later.pass(100_000);
  assert.equal(later.sent.length, 0);
  assert.equal(stored(shared).length, kept.length);
});

test("Global Privacy Control: no default counts, and with the visitor's own yes nobody may act", async () => {
  const shared = storage();
  const world = stage({ gpc_: true }, shared);
  const tracker = begun(world);
  tracker.assume_({ analytics_storage: "granted" });
  tracker.track("search");
  await world.pass(100_000);
  assert.deepEqual([world.sent.length, stored(shared)], [0, []]);
  tracker.consent("granted");
  await world.pass(2_000);
  assert.equal(world.sent[0]!.context.consent, "denied");
});

test("a denial on one page holds on the others", async () => {
  const shared = storage();
  const one = begun(stage({}, shared), WAITING);
  one.consent("granted");
  const world = stage({}, shared);
  const other = begun(world, WAITING);
  one.consent("denied");
  other.changed_();
  other.track("search");
  await world.pass(100_000);
  assert.ok(!names(world.sent).includes("search"));
  assert.deepEqual(stored(shared), []);
});
