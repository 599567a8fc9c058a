// <script async src="/t.js"></script>: wires the tracker to the page, once.
import { takeOver } from "./layer";
import { place, watchClicks, watchForms, watchPages, watchScrolling, watchVideos } from "./page";
import { CONSENT, createTracker, type Footfall, type World } from "./tracker";
import { PREFIX, safe } from "./store";
import type { Fields } from "./wire";

declare global {
  interface Window {
    footfall?: Footfall;
    dataLayer?: Fields[];
  }
}

const ANSWER_MS = 30_000; // then it is asked again
const DAY_MS = 86_400_000;

const script = document.currentScript as HTMLScriptElement | null;
const { collector, consent, pages, dedupTtlMs } = script?.dataset ?? {};
const url = new URL(collector || "c", script?.src || location.href).href;

const storage = (): Storage | undefined => {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
};

const device = (): string => {
  const agent = navigator.userAgent;
  return /iPad|Tablet|Android(?!.*Mobi)/.test(agent) ? "tablet" : /Mobi/.test(agent) ? "mobile" : "desktop";
};

const begin = (): void => {
  const world: World = {
    now_: Date.now,
    random_: Math.random,
    later_: (run, ms) => setTimeout(run, ms),
    hex_: (bytes) =>
      Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => (byte + 256).toString(16).slice(1)).join(""),
    store_: safe(storage()),
    gpc_: !!(navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl,
    place_: place,
    device_: { device: device(), language: navigator.language },
    told_: (granted) => dispatchEvent(new CustomEvent("footfall:consent", { detail: granted })),
    fetch_: (body) =>
      fetch(url, {
        method: "POST",
        body,
        keepalive: true,
        credentials: "include",
        signal: AbortSignal.timeout?.(ANSWER_MS) as AbortSignal,
      }).then((answer) => ({ status: answer.status, retryAfter: answer.headers.get("Retry-After") })),
    beacon_: (body) => navigator.sendBeacon(url, body),
  };
  const tracker = createTracker(world, { granted_: consent === "granted", ttlMs_: +(dedupTtlMs || DAY_MS) });
  window.footfall = tracker;

  const newPage = watchScrolling(tracker);
  if (pages !== "off") watchPages(tracker, newPage);
  takeOver(tracker, (window.dataLayer ||= []));
  tracker.start_();
  watchClicks(tracker);
  watchForms(tracker);
  watchVideos(tracker);
  addEventListener("storage", ({ key }) => (!key || key === PREFIX + CONSENT) && tracker.changed_());
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && tracker.leave_());
};

if (!window.footfall) {
  if ((document as { prerendering?: boolean }).prerendering) {
    document.addEventListener("prerenderingchange", begin, { once: true });
  } else begin();
}
