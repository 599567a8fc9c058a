// A world in which a test is the clock, the chance and the network.
import { safe } from "../src/tracker/store";
import { createTracker, type Options, type Tracker, type World } from "../src/tracker/tracker";
import type { Batch, Fields } from "../src/tracker/wire";

export const T0 = 1_700_000_000_000;
export const DAY_MS = 86_400_000;

/** As `localStorage`: its keys are members, as the browser's are. */
export const storage = (full = false): Storage => {
  const rows: Record<string, string> = {};
  return new Proxy(rows, {
    get: (_, name: string) =>
      ({
        getItem: (key: string) => rows[key] ?? null,
        setItem: (key: string, value: string) => {
          if (full) throw new Error("QuotaExceededError");
          rows[key] = value;
        },
        removeItem: (key: string) => delete rows[key],
      })[name] ?? rows[name],
  }) as unknown as Storage;
};

export type Answer = { status: number; retryAfter?: string } | "broken" | "silent";

export interface Stage extends World {
  now: number;
  sent: Batch[];
  beacons: Batch[];
  told: boolean[];
  answers: Answer[];
  beaconsFit: number;
  place: Fields;
  /** Lets time pass: timers run at their time, answers arrive. */
  pass(ms: number): Promise<void>;
}

let shared = 0;

/** A page; pages that share a store draw different numbers, others the same ones. */
export const stage = (changes: Partial<World> = {}, real?: Storage): Stage => {
  const prefix = real ? `${++shared}-` : "";
  let timers: { at: number; run: () => void }[] = [];
  let drawn = 0;
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const made: Stage = {
    now: T0,
    sent: [],
    beacons: [],
    told: [],
    answers: [],
    beaconsFit: Infinity,
    place: { url: "https://shop.example/", path: "/" },
    now_: () => made.now,
    random_: () => 0,
    later_: (run, ms) => timers.push({ at: made.now + ms, run }),
    hex_: (bytes) => (prefix + ++drawn).padStart(bytes * 2, "0"),
    store_: safe(real ?? storage()),
    gpc_: false,
    place_: () => made.place,
    device_: { device: "desktop", language: "en-GB" },
    told_: (granted) => void made.told.push(granted),
    fetch_(body) {
      made.sent.push(JSON.parse(body));
      const answer = made.answers.shift() ?? { status: 204 };
      if (answer === "broken") return Promise.reject(new TypeError("network"));
      return answer === "silent" ? new Promise(() => {}) : Promise.resolve(answer);
    },
    beacon_: (body) => made.beaconsFit-- > 0 && !!made.beacons.push(JSON.parse(body)),
    async pass(ms) {
      const end = made.now + ms;
      await settled();
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (!due) break;
        timers = timers.filter((timer) => timer !== due);
        made.now = Math.max(made.now, due.at);
        due.run();
        await settled();
      }
      made.now = end;
    },
    ...changes,
  };
  return made;
};

/** A tracker that has begun; by default the shop needs no word. */
export const begun = (world: World, options: Partial<Options> = {}): Tracker => {
  const tracker = createTracker(world, { granted_: true, ttlMs_: DAY_MS, ...options });
  tracker.start_();
  return tracker;
};

export const ids = (batches: Batch[]): string[] => batches.flatMap(({ events }) => events.map((row) => row.event_id));
export const names = (batches: Batch[]): string[] => batches.flatMap(({ events }) => events.map((row) => row.name));
