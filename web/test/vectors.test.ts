// The same vectors are read by tests/unit/test_web_vectors.py: what a page says -> batches -> canonical events.
import assert from "node:assert/strict";
import { test } from "node:test";
import { takeOver } from "../src/tracker/layer";
import type { Fields } from "../src/tracker/wire";
import vectors from "../vectors/batches.json";
import { begun, stage } from "./world";

type Call = [string, ...unknown[]];

for (const { name, place, calls, batches } of vectors as unknown as {
  name: string;
  place: Fields;
  calls: Call[];
  batches: unknown[];
}[]) {
  test(`vectors: ${name}`, async () => {
    const world = stage();
    world.place = place;
    const layer: Fields[] = [];
    const tracker = begun(world, { granted_: false });
    takeOver(tracker, layer);
    for (const [what, ...given] of calls) {
      if (what === "pass") await world.pass(given[0] as number);
      else if (what === "push") layer.push(given[0] as Fields);
      else (tracker as unknown as Record<string, (...given: unknown[]) => void>)[what]!(...given);
    }
    await world.pass(2_000);
    assert.deepEqual(world.sent, batches);
  });
}
