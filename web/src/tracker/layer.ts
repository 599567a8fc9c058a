// The page's data layer: what was pushed before we came, and from then on each push, as Google's tags read it.
import type { Tracker } from "./tracker";
import type { Fields } from "./wire";

type Row = Fields & { event?: unknown; ecommerce?: unknown };

/** One row: `{event: …}`, or the arguments of `gtag(…)`. */
const take = (tracker: Tracker, row: Row | ArrayLike<unknown>): void => {
  if (!row || typeof row !== "object") return;
  const [command, name, fields] = Array.from(row as ArrayLike<unknown>) as [unknown, unknown, Fields | undefined];
  if (command === "event") return tracker.track(`${name as string}`, fields);
  if (command === "consent") return name === "update" ? tracker.consent(fields) : assume(tracker, fields);
  const settings = (command === "set" ? name : command === "config" ? fields : row) as Row | undefined;
  if (settings?.user_id !== undefined) tracker.is_(settings.user_id);
  const { event, ecommerce, user_id, ...rest } = row as Row;
  // gtm.js, gtm.dom, gtm.click …: the tag manager's own affairs.
  if (typeof event === "string" && !event.startsWith("gtm")) {
    tracker.track(event, { ...rest, ...(ecommerce as Fields | undefined) });
  }
};

/** A yes for some regions is none for all: nobody here knows the region. */
const assume = (tracker: Tracker, fields: Fields = {}): void => {
  if (!fields.region || fields.analytics_storage === "denied") tracker.assume_(fields);
};

/** Takes over the layer. A fault in a row of the page's is the row's, and stops nobody's push. */
export const takeOver = (tracker: Tracker, layer: Row[]): void => {
  const careful = (row: Row): void => {
    try {
      take(tracker, row);
    } catch {
      // Circular, or no event at all.
    }
  };
  layer.forEach(careful);
  const push = layer.push;
  layer.push = (...rows) => {
    const length = push.apply(layer, rows);
    rows.forEach(careful);
    return length;
  };
};
