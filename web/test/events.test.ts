import assert from "node:assert/strict";
import { test } from "node:test";
import { takeOver } from "../src/tracker/layer";
import type { Fields } from "../src/tracker/wire";
import { begun, names, stage } from "./world";

test("the same within 50 ms is one, later it is two; another is another", async () => {
  const world = stage();
  const tracker = begun(world);
  tracker.track("add_to_cart", { items: [{ item_id: "p-1" }] });
  world.now += 49;
  tracker.track("add_to_cart", { items: [{ item_id: "p-1" }] });
  tracker.track("add_to_cart", { items: [{ item_id: "p-2" }] });
  await world.pass(2_000);
  assert.equal(names(world.sent).length, 2);
  tracker.track("add_to_cart", { items: [{ item_id: "p-1" }] });
  await world.pass(2_000);
  assert.equal(names(world.sent).length, 3);
});

test("the layer: what was there, what is pushed, and the page's own push still works", async () => {
  const world = stage();
  const layer: Fields[] = [{ event: "gtm.js" }, { event: "view_item", ecommerce: { items: [{ item_id: "p-1" }] } }];
  takeOver(begun(world), layer);
  const circular: Fields = { event: "loop" };
  circular.self = circular;
  assert.equal(layer.push({ event: "favourite", colour: "red" }, circular, { ecommerce: null }), 5);
  layer.push(null as unknown as Fields, "text" as unknown as Fields, ["event", "search", { search_term: "tea" }] as unknown as Fields);
  await world.pass(2_000);
  assert.deepEqual(names(world.sent), ["view_item", "favourite", "search"]);
  assert.deepEqual(world.sent[0]!.events[1]!.properties, { colour: "red" });
});

test("a user is known from the layer, a login or a call, until signed out", async () => {
  const world = stage();
  const layer: Fields[] = [{ user_id: 7 }];
  const tracker = begun(world);
  tracker.track("page_view");
  takeOver(tracker, layer);
  tracker.track("search");
  layer.push({ event: "login", user_id: "u-8" });
  tracker.track("cart_view");
  tracker.identify(null);
  tracker.track("form_start");
  tracker.identify("u-9");
  await world.pass(2_000);
  const users = world.sent.flatMap(({ events }) => events.map((row) => row.user_id));
  assert.deepEqual(users, [undefined, "7", "u-8", "u-8", undefined, "u-9"]);
  assert.deepEqual(names(world.sent).slice(-1), ["identify"]);
});
