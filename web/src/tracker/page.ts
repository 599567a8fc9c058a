// What the page itself shows: pages, clicks, scrolling, forms, videos. Clicks are never throttled: a rule counts them.
import type { Tracker } from "./tracker";
import type { Fields } from "./wire";

const SCROLL_MS = 250;
const SCROLL_STEP = 25; // percent
const VIDEO_MS = 10_000;

const on = (type: string, run: (event: Event) => void, target: EventTarget = document): void =>
  target.addEventListener(type, run, { capture: true, passive: true });

export const place = (): Fields => ({
  url: location.href.split("#")[0],
  path: location.pathname,
});

/** Each page once, also in an application that changes the address without loading one. */
export const watchPages = (tracker: Tracker, left: () => void): void => {
  let last = "";
  let referrer = document.referrer;
  const look = (): void => {
    const { url } = place() as { url: string };
    if (url === last) return;
    left();
    tracker.saw_("page_view", { context: { referrer } }, `page_view${url}`);
    last = referrer = url;
  };
  for (const name of ["pushState", "replaceState"] as const) {
    const change = history[name];
    history[name] = function (...given) {
      change.apply(this, given);
      look();
    };
  }
  on("popstate", look, window);
  look();
};

/** How far down: each quarter of a page once. Returns what begins a page anew. */
export const watchScrolling = (tracker: Tracker): (() => void) => {
  let deepest = 0;
  let timer = 0;
  const measure = (): void => {
    timer = 0;
    const seen = ((scrollY + innerHeight) / document.documentElement.scrollHeight) * 100;
    const step = Math.floor((seen + 0.5) / SCROLL_STEP) * SCROLL_STEP;
    if (step > deepest) tracker.track("scroll", { percent_scrolled: (deepest = step) });
  };
  on("scroll", () => (timer ||= setTimeout(measure, SCROLL_MS) as unknown as number));
  return () => {
    clearTimeout(timer);
    deepest = timer = 0;
  };
};

/** Tag, id and first class: enough to find it, nothing of what a person wrote. */
const nameOf = (element: Element): string =>
  element.localName + (element.id ? `#${element.id}` : element.classList[0] ? `.${element.classList[0]}` : "");

export const watchClicks = (tracker: Tracker): void =>
  on("click", (event) => {
    const { clientX: x, clientY: y, target } = event as MouseEvent;
    const element = (target as Element).closest("a,button,input,label") || (target as Element);
    // One position on the screen: a label hands its click on to its field, and that is one click.
    const fields = { element: nameOf(element), x, y, link_url: element.getAttribute("href") };
    tracker.saw_("click", fields, `click${x} ${y}`);
  });

export const watchForms = (tracker: Tracker): void => {
  const begun = new WeakSet<Element>();
  // The attribute: a field that is named "id" hides the member.
  const report = (name: string, form: Element): void => tracker.track(name, { form_id: form.getAttribute("id") });
  on("focusin", ({ target }) => {
    const { form } = target as HTMLInputElement;
    if (!form || begun.has(form)) return;
    begun.add(form);
    report("form_start", form);
  });
  on("submit", ({ target }) => report("form_submit", target as Element));
};

export const watchVideos = (tracker: Tracker): void => {
  const reported = new WeakMap<Element, number>();
  const report = (video: HTMLVideoElement, name: string): void =>
    tracker.track(name, {
      video_url: video.currentSrc.split("?")[0],
      video_percent: Math.round((video.currentTime / video.duration) * 100) || 0,
    });
  const watch = (type: string, name: string, isDue: (last: number | undefined, now: number) => unknown): void =>
    on(type, ({ target, timeStamp }) => {
      const video = target as HTMLVideoElement;
      if (video.localName !== "video" || !isDue(reported.get(video), timeStamp)) return;
      if (type === "ended") reported.delete(video);
      else reported.set(video, timeStamp);
      report(video, name);
    });
  watch("play", "video_start", (last) => last === undefined);
  watch("timeupdate", "video_progress", (last, now) => now - last! >= VIDEO_MS);
  watch("ended", "video_complete", (last) => last !== undefined);
};
