import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnswers, type Answer } from "../src/slots/answers";
import { createApi } from "../src/slots/api";
import { take, type Stream, type StreamEvent } from "../src/slots/stream";

const answer = (slot: string, signalId?: string): Answer => ({
  slot,
  reason: "signal",
  fields: { headline: slot },
  because: signalId ? { signal_id: signalId } : null,
});

test("a block of the stream: kind, data, id, retry; comments and the unknown are passed over", () => {
  const stream: Stream = { last: "", retryMs: 0 };
  const received: StreamEvent[] = [];
  const hear = (block: string): void => take(block, stream, (event) => received.push(event));
  hear(": ping");
  hear("retry: 2500");
  hear("retry: soon");
  hear('id: s-1:7\r\nevent: signal\r\ndata: {"a":\r\ndata: 1}\r\nfuture: x');
  hear("id: s-2:8:expired");
  assert.deepEqual(received, [{ kind: "signal", data: { a: 1 } }]);
  assert.deepEqual(stream, { last: "s-2:8:expired", retryMs: 2_500 });
});

test("listeners of a slot hear changes of it, and only changes", () => {
  const answers = createAnswers();
  const heard: string[] = [];
  const leave = answers.subscribe("a", () => heard.push("a"));
  answers.subscribe("b", () => heard.push("b"));
  answers.set([answer("a"), answer("b")]);
  answers.set([answer("a")]);
  assert.deepEqual(heard, ["a", "b"]);
  leave();
  answers.set([answer("a", "s-1")]);
  assert.deepEqual([heard, answers.wanted()], [["a", "b"], ["b"]]);
});

test("what a signal called for ends with the signal; what nothing called for stays", () => {
  const answers = createAnswers();
  answers.set([answer("a", "s-1"), answer("b", "s-2"), answer("c")]);
  assert.equal(answers.keep((id) => id === "s-2"), true);
  assert.deepEqual([answers.get("a")!.fields, answers.get("b")!.fields, answers.get("c")!.fields], [
    {},
    { headline: "b" },
    { headline: "c" },
  ]);
  assert.equal(answers.keep((id) => id === "s-2"), false);
});

test("the API is asked for twenty slots at a time, with one token until it is refused", async (context) => {
  const asked: { url: string; body: { slots?: string[] }; bearer?: string }[] = [];
  let tokens = 0;
  let status = 200;
  context.mock.method(globalThis, "fetch", async (url: string, init: RequestInit) => {
    const body = JSON.parse(init.body as string) as { slots?: string[] };
    asked.push({ url, body, bearer: (init.headers as Record<string, string>).Authorization! });
    const made = body.slots
      ? { decided_at_ms: 1, slots: body.slots.map((slot) => ({ slot, reason: "default" })) }
      : { token: `t-${++tokens}`, expires_at_ms: Date.now() + 600_000 };
    return Response.json(made, { status: body.slots ? status : 200 });
  });
  const api = createApi("https://shop.example/v1/", "https://shop.example/v1/tokens", () => "de");
  const slots = Array.from({ length: 25 }, (_, i) => `slot_${i}`);
  const decided = await api.decide(slots);
  assert.equal(decided.slots.length, 25);
  assert.deepEqual(decided.slots[0], { slot: "slot_0", reason: "default", fields: {} }); // what is empty is left out
  assert.deepEqual(asked.map(({ body }) => body.slots?.length), [undefined, 20, 5]);
  assert.deepEqual(asked.slice(1).map(({ bearer }) => bearer), ["Bearer t-1", "Bearer t-1"]);
  status = 401;
  await assert.rejects(api.decide(["a"]));
  status = 200;
  await api.decide(["a"]);
  assert.equal(asked.at(-1)!.bearer, "Bearer t-2");
});
