// Brings batches to the collector: one request at a time, so that the quota of keepalive bodies suffices; what is
// not acknowledged stays in the queue.
import type { Queue } from "./queue";
import type { Store } from "./store";
import { BATCH_EVENTS, BATCH_WAIT_MS, type WireEvent } from "./wire";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
const LONGEST_ASKED_MS = 3_600_000;
// The batch itself, or the page, is at fault, and would be for ever.
const HOPELESS = [400, 403, 413, 415, 422];
// Until when the collector is left in peace, by all pages of the browser.
const PEACE = "until";

export interface Net {
  now_(): number;
  random_(): number;
  later_(run: () => void, ms: number): unknown;
  fetch_(body: string): Promise<{ status: number; retryAfter?: string | null }>;
  beacon_(body: string): boolean;
}

export interface Sender {
  /** Something was queued: it goes after 2 s, or at once when a batch is full. */
  soon_(): void;
  flush_(): void;
  /** The page goes out of sight and may not come back: all that fits, with the same event ids. */
  leave_(): void;
}

/** Seconds or a date of HTTP, as milliseconds from now; 0 when it says nothing. */
export const retryAfterMs = (text: string | null | undefined, now: number): number =>
  text ? Math.max(0, Number.isNaN(+text) ? Date.parse(text) - now || 0 : +text * 1_000) : 0;

/** How long to wait before the next try: never shorter than the collector asks for, and no two browsers alike. */
export const retryMs = (tries: number, asked: number, random: number): number =>
  Math.max(Math.min(asked, LONGEST_ASKED_MS), Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** tries)) * (1 + random / 2);

/** A sender; `bodyOf` gives nothing while nothing may be sent. */
export const createSender = (
  queue: Queue,
  store: Store,
  net: Net,
  bodyOf: (events: WireEvent[]) => string | false,
): Sender => {
  let busy = false;
  let timer = false;
  let tries = 0;

  const schedule = (ms: number): void => {
    if (timer) return;
    timer = true;
    net.later_(() => {
      timer = false;
      flush();
    }, ms);
  };
  const soon = (): void => {
    if (queue.size_() < BATCH_EVENTS) schedule(BATCH_WAIT_MS);
    else flush();
  };
  /** Milliseconds of peace that are left; a clock that was set back does not make it longer. */
  const peace = (): number => {
    const left = +(store.get_(PEACE) || 0) - net.now_();
    return left > 2 * LONGEST_ASKED_MS ? 0 : left;
  };
  const settle = (sent: WireEvent[], status: number, retryAfter?: string | null): void => {
    busy = false;
    if ((status >= 200 && status < 300) || HOPELESS.includes(status)) {
      queue.remove_(sent);
      tries = 0;
      if (queue.size_()) soon();
    } else {
      const wait = retryMs(tries++, retryAfterMs(retryAfter, net.now_()), net.random_());
      store.set_(PEACE, `${net.now_() + wait}`);
      schedule(wait);
    }
  };
  const flush = (): void => {
    if (busy) return;
    const wait = peace();
    if (wait > 0) return schedule(wait);
    const events = queue.batches_()[0];
    const body = events && bodyOf(events);
    if (!body) return;
    busy = true;
    net.fetch_(body).then(
      (answer) => settle(events, answer.status, answer.retryAfter),
      () => settle(events, 0),
    );
  };

  return {
    soon_: soon,
    flush_: flush,
    leave_() {
      if (peace() > 0) return;
      for (const events of queue.batches_()) {
        const body = bodyOf(events);
        if (!body || !net.beacon_(body)) return;
      }
    },
  };
};
