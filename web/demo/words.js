// What the documents say, in words for people.
import { money } from "./goods.js";

const NAMES = {
  cart_abandoned: "Cart abandoned", checkout_hesitation: "Hesitates at the checkout", category_interest: "Interest in a category",
  price_hesitation: "Hesitates at a price", first_purchase: "First purchase", repeat_purchase: "Bought again", rage_clicks: "Rage clicks",
};
const STATES = { active: "is so now", recovered: "bought after all", retracted: "was never so" };
const REASONS = {
  no_longer_active: "the signal was taken back", outranked: "something more important came first", erased: "the visitor was erased",
  no_consent: "there is no consent", paused: "suggestions are paused", just_purchased: "the visitor has just bought",
  holdout: "the visitor is held out, to see what mails bring", capped: "the visitor was written to already, which is enough", quiet_hours: "it is night", expired: "the signal is over",
};
const SENTENCES = {
  checkout_hesitation: "At the checkout for a while, and no purchase.", category_interest: "Looked at several things of one category.",
  first_purchase: "This visitor has bought for the first time.", repeat_purchase: "This visitor has bought before.",
  rage_clicks: "Clicked again and again at one place.",
};
const plain = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

export const nameOf = (kind) => NAMES[kind] || plain(kind);
export const stateOf = (status) => STATES[status] || status;
export const reasonOf = (reason) => REASONS[reason] || plain(reason || "");
export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;

/** Why a signal came, and why it went. */
export const whyOf = ({ kind, status, evidence = {}, occurred_at_ms: at, version }) => {
  if (kind !== "cart_abandoned") return SENTENCES[kind];
  const value = evidence.value === undefined ? "" : ` worth ${money(evidence.value)}`;
  const things = evidence.cart_events === 1 ? `One thing${value} was` : `${evidence.cart_events} things${value} were`;
  const came = `${things} put into the cart; no purchase within ${seconds(at - evidence.last_cart_at_ms)} of the last.`;
  return status === "recovered" ? `${came} Then, ${seconds((evidence.purchase_at_ms || version) - at)} later, one came.` : came;
};

const ID = /(^|_)event_ids?$/;

/** Ids of the events that a signal shows as its reason. */
export const eventsOf = (evidence = {}) =>
  Object.entries(evidence).flatMap(([name, value]) => (ID.test(name) ? [value].flat() : []));

/** What else it shows: pairs of name and value. */
export const factsOf = (evidence = {}) =>
  Object.entries(evidence)
    .filter(([name, value]) => !ID.test(name) && value !== null && typeof value !== "object")
    .map(([name, value]) => [plain(name.replace(/_at_ms$/, " at")), /_at_ms$/.test(name) ? clock(value) : `${value}`]);

/** What an event is about, in a few words. */
export const aboutOf = (event) => {
  const { product, order, context = {}, properties = {} } = event;
  const what = product?.product_id || (order && money(order.value ?? order.total ?? 0));
  return what || properties.element || properties.status || (properties.percent_scrolled && `${properties.percent_scrolled} %`) ||
    properties.promotion_id || context.path || "";
};
