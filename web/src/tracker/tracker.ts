// The tracker without a page: who, whether, what; a test gives it a clock, chance and a network.
import { acting, heard, type Choices } from "./consent";
import { createQueue } from "./queue";
import { createSender, type Net } from "./sender";
import type { Store } from "./store";
import { BATCH_BYTES, DOUBLE_MS, bytesOf, type Batch, type Fields, type WireEvent } from "./wire";

export interface World extends Net {
  /** That many random bytes in hexadecimal digits. */
  hex_(bytes: number): string;
  store_: Store;
  /** The visitor's browser says "do not sell or share" (Global Privacy Control). */
  gpc_: boolean;
  /** Where the visitor is: for each event. */
  place_(): Fields;
  /** What is the same for all events of a page. */
  device_: Fields;
  /** Consent was given or taken back: others in the page want to know. */
  told_(granted: boolean): void;
}

export interface Options {
  /** The shop says that it needs no word of the visitor's. */
  granted_: boolean;
  /** How long ingest knows an event's id. */
  ttlMs_: number;
}

const SEED = "seed";
/** Holds "granted", LIMITED, or "denied" where no word is needed and the visitor has refused. */
export const CONSENT = "consent";
const LIMITED = "limited";
const NOBODY_ACTS: Choices = { ad_storage: "denied" };

export interface Footfall {
  /** Something happened: a type of the contract, a name of GA4's with its parameters, or the shop's own. */
  track(name: string, fields?: Fields): void;
  /** Who the visitor is from now on, until the page is left; null: signed out. */
  identify(userId: string | number | null): void;
  /** The visitor's word: "granted", "denied", or an object of Consent Mode. */
  consent(choices: unknown): void;
  /** Sends now what waits. */
  flush(): void;
}

export interface Tracker extends Footfall {
  /** As `track`, with a text that says which events are the same; for what the page itself sees. */
  saw_(name: string, fields: Fields, same: string): void;
  /** As `identify`, without an event of its own. */
  is_(userId: unknown): void;
  /** All defaults are known: what was granted before counts again. */
  start_(): void;
  /** A default is no word of the visitor's. */
  assume_(choices: unknown): void;
  leave_(): void;
  /** Another page of the browser has changed what is stored of consent. */
  changed_(): void;
}

export const createTracker = (world: World, options: Options): Tracker => {
  const page = world.hex_(12);
  const store = world.store_;
  const queue = createQueue(page, store, options.ttlMs_, world.now_);
  const seen = new Map<string, number>();
  let granted = false;
  let denied = false;
  let waiting = false;
  let choices: Choices = {};
  let seed = "";
  let userId: string | undefined;
  let count = 0;

  const batchOf = (events: WireEvent[]): string =>
    JSON.stringify({
      sent_at_ms: world.now_(),
      device_seed: seed,
      context: { ...world.device_, consent: world.gpc_ ? "denied" : acting(choices) },
      events,
    } satisfies Batch);
  const sender = createSender(queue, store, world, (events) => granted && batchOf(events));

  const is = (id: unknown): void => {
    userId = id ? `${id as string}` : undefined;
  };
  const made = (name: string, fields: Fields): WireEvent => {
    const { user_id, context, ...properties } = fields;
    if (user_id !== undefined) is(user_id);
    return {
      event_id: `${page}-${(++count).toString(36)}`,
      event_time_ms: world.now_(),
      sequence: count,
      ...(userId && { user_id: userId }),
      name,
      context: { ...world.place_(), ...(context as Fields) },
      properties,
    };
  };
  /** Whether the same came less than 50 ms ago: two listeners heard one thing. */
  const isDouble = (same: string): boolean => {
    const now = world.now_();
    for (const [key, at] of seen) if (now - at >= DOUBLE_MS) seen.delete(key);
    if (seen.has(same)) return true;
    seen.set(same, now);
    return false;
  };
  const saw = (name: string, fields: Fields, same: string): void => {
    if (denied || isDouble(same)) return;
    const event = made(name, fields);
    if (bytesOf(event) > BATCH_BYTES - 2_000) return;
    queue.add_(event);
    if (granted) sender.soon_();
  };
  const track = (name: string, fields: Fields = {}): void => {
    const url = world.place_().url as string;
    saw(name, fields, name === "page_view" ? name + url : JSON.stringify([name, fields]));
  };

  const grant = (): void => {
    denied = waiting = false;
    if (granted) return;
    granted = true;
    seed = store.get_(SEED) || world.hex_(16);
    store.set_(SEED, seed);
    queue.persist_();
    world.told_(true);
    if (queue.size_()) sender.soon_();
  };
  const forget = (): void => {
    granted = false;
    seed = "";
    queue.clear_();
    store.keys_().forEach((key) => store.set_(key));
    world.told_(false);
  };
  const deny = (): void => {
    denied = true;
    seed ||= store.get_(SEED) || "";
    if (seed) {
      // The engine must hear it, and it must not wait in a store for that.
      const body = batchOf([made("consent", { status: "denied" })]);
      world.fetch_(body).catch(() => world.beacon_(body));
    }
    forget();
    if (options.granted_) store.set_(CONSENT, "denied");
  };
  /** Takes the choice of an earlier page, or of another one just now; whether it is a yes. */
  const remember = (): boolean => {
    const word = store.get_(CONSENT);
    denied = word === "denied";
    if (!word) return options.granted_ && !world.gpc_;
    if (!choices.analytics_storage) choices = { analytics_storage: "granted", ...(word === LIMITED && NOBODY_ACTS) };
    return !denied;
  };

  return {
    track,
    saw_: saw,
    is_: is,
    identify(id) {
      if (id == null) is(id);
      else track("identify", { user_id: id });
    },
    consent(words) {
      choices = heard(choices, words);
      const own = heard({}, words).analytics_storage;
      if (own === "denied") return deny();
      if (own !== "granted") return;
      const word = acting(choices) === "denied" ? LIMITED : own;
      const isNew = store.get_(CONSENT) !== word;
      store.set_(CONSENT, word);
      grant();
      if (isNew) track("consent", { status: own });
    },
    assume_(words) {
      choices = heard(choices, words);
      if (choices.analytics_storage === "denied") {
        waiting = true;
        granted = false;
        queue.pause_();
      } else if (choices.analytics_storage) options.granted_ = true;
    },
    start_() {
      if (remember() && !waiting) grant();
    },
    changed_() {
      if (waiting) return;
      choices = {};
      if (remember()) grant();
      else if (granted) forget();
    },
    flush: sender.flush_,
    leave_: sender.leave_,
  };
};
