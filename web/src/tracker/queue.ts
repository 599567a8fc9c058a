// Events that no collector has acknowledged. A page keeps its own list under its own key, so that tabs never write
// over each other; a page that comes later takes over what is left of earlier ones. A tab that still lives sends
// such an event, too: it has the same id, and ingest drops the second.
import type { Store } from "./store";
import { BATCH_BYTES, BATCH_EVENTS, ENVELOPE_BYTES, QUEUE_EVENTS, bytesOf, type WireEvent } from "./wire";

export const QUEUE = "queue.";

const parsed = (text: string): WireEvent[] => {
  try {
    return JSON.parse(text).filter((row: Partial<WireEvent>) => row.event_id);
  } catch {
    return [];
  }
};

export interface Queue {
  add_(event: WireEvent): void;
  /** All that waits as batches, oldest events first, each within the limits of one request. */
  batches_(): WireEvent[][];
  remove_(events: WireEvent[]): void;
  /** From now on it is stored; what earlier pages left comes first. */
  persist_(): void;
  /** From now on it is in memory alone; what is stored stays. */
  pause_(): void;
  clear_(): void;
  size_(): number;
}

export const createQueue = (page: string, store: Store, ttlMs: number, now: () => number): Queue => {
  const mine = QUEUE + page;
  let events: WireEvent[] = [];
  let persistent = false;

  const keep = (kept: WireEvent[]): void => {
    events = kept;
    if (persistent) store.set_(mine, events.length ? JSON.stringify(events) : undefined);
  };
  /** Ingest no longer knows the ids of what is older than that: it would count twice. */
  const fresh = (all: WireEvent[]): WireEvent[] =>
    all.filter((event) => event.event_time_ms > now() - ttlMs).slice(-QUEUE_EVENTS);

  return {
    add_: (event) => keep(fresh([...events, event])),
    batches_() {
      keep(fresh(events));
      const found: WireEvent[][] = [];
      let bytes = BATCH_BYTES;
      for (const event of events) {
        bytes += bytesOf(event) + 1;
        const last = found[found.length - 1];
        if (last && last.length < BATCH_EVENTS && bytes <= BATCH_BYTES) last.push(event);
        else {
          found.push([event]);
          bytes = ENVELOPE_BYTES + bytesOf(event);
        }
      }
      return found;
    },
    remove_: (gone) => keep(events.filter((event) => !gone.includes(event))),
    persist_() {
      persistent = true;
      const found = store.keys_().filter((key) => key.startsWith(QUEUE) && key !== mine);
      const left = found.flatMap((key) => parsed(store.get_(key)!));
      keep(fresh([...left, ...events].sort((a, b) => a.event_time_ms - b.event_time_ms)));
      found.forEach((key) => store.set_(key));
    },
    pause_() {
      persistent = false;
    },
    clear_() {
      events = [];
      persistent = false;
    },
    size_: () => events.length,
  };
};
