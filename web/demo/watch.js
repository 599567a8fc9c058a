// Right and below: what the server has seen of this visitor, asked for twice a second.
import { h, by } from "./dom.js";
import { cart } from "./goods.js";
import { account } from "./shop.js";
import { aboutOf, clock, eventsOf, factsOf, nameOf, reasonOf, stateOf, whyOf } from "./words.js";

const EVERY_MS = 500;
const COMMERCE = new Set(["add_to_cart", "remove_from_cart", "purchase", "checkout_start", "cart_view"]);
let held = { seen: "", events: [], signals: [], triggers: [], mails: [] };
let ahead_ms = 0; // of this machine's clock, the server's: the same, but in a test

const now = () => Date.now() + ahead_ms;

/** Keeps what is there and adds what is new, so that a reader hears of that alone. */
const renew = (list, rows, keyOf, make) => {
  if (!rows.length && list.querySelector(".none")) return;
  const before = new Map([...list.children].map((one) => [one.dataset.key, one]));
  const keys = rows.map(keyOf);
  before.forEach((one, key) => keys.includes(key) || one.remove());
  rows.forEach((row, n) => {
    const one = before.get(keys[n]) || make(row);
    one.dataset.key = keys[n];
    if (one !== list.children[n]) list.insertBefore(one, list.children[n] || null);
  });
};

const mark = (ids, on) => {
  for (const id of ids) by("events").querySelector(`[data-id="${CSS.escape(id)}"]`)?.classList.toggle("marked", on);
};

const eventRow = (event) =>
  h("li", { "data-id": event.event_id, class: COMMERCE.has(event.event_type) ? "commerce" : "" },
    h("time", {}, clock(event.event_time_ms)), h("b", {}, event.event_type), h("span", {}, `${aboutOf(event)}`));

const signalCard = (signal) => {
  const why = whyOf(signal), ids = eventsOf(signal.evidence);
  return h("li", {
    class: `card ${signal.status}`, tabindex: "0", "data-kind": signal.kind, "data-status": signal.status,
    onmouseenter: () => mark(ids, true), onmouseleave: () => mark(ids, false),
    onfocus: () => mark(ids, true), onblur: () => mark(ids, false),
  },
    h("p", { class: "head" }, h("b", {}, nameOf(signal.kind)), h("span", { class: "state" }, stateOf(signal.status))),
    h("p", {}, why || `Rule ${signal.rule?.name || signal.kind} says so.`),
    h("dl", {}, factsOf(signal.evidence).slice(0, 6).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
};

/** What has become of a trigger, and the mail where one was sent. */
const stateOfMail = (trigger) => {
  const mail = held.mails.find((one) => one.trigger_id === trigger.trigger_id);
  if (mail) return ["sent", mail];
  return [trigger.status, undefined];
};

const mailCard = (trigger) => {
  const [state, mail] = stateOfMail(trigger);
  if (mail) {
    return h("li", { class: "card mail sent", "data-state": "sent" },
      h("p", { class: "head" }, h("b", {}, mail.subject), h("span", { class: "state" }, `came at ${clock(mail.at_ms)}`)),
      h("p", { class: "from" }, `${mail.from} to ${mail.to}`), h("p", {}, mail.text));
  }
  const words = {
    due: h("span", { class: "state", "data-due": trigger.due_at_ms }, "falls due"),
    cancelled: h("span", { class: "state" }, "cancelled"), suppressed: h("span", { class: "state" }, "not sent"),
  };
  return h("li", { class: `card mail ${state}`, "data-state": state },
    h("p", { class: "head" }, h("b", {}, "A mail about the cart"), words[state]),
    h("p", {}, state === "due" ? "Buy before, and it is never sent." : `No mail: ${reasonOf(trigger.reason)}.`));
};

const empty = (list, words) => {
  if (!list.children.length) list.append(h("li", { class: "none" }, words));
};

const paint = () => {
  by("timeout").textContent = `${Math.round(held.facts.cart_timeout_ms / 1000)}`;
  const whose = held.visitor.user || held.visitor.device || "";
  by("device").textContent = whose && `of ${whose.slice(0, 10)}…`;
  by("device").title = whose;
  by("address").textContent = held.visitor.email ? `of ${held.visitor.email}` : "";
  renew(by("events"), held.events, (one) => one.event_id, eventRow);
  renew(by("signals"), held.signals, (one) => `${one.signal_id}:${one.version}`, signalCard);
  renew(by("inbox"), held.triggers, (one) => `${one.trigger_id}:${stateOfMail(one)[0]}`, mailCard);
  empty(by("events"), "Nothing yet: the shop waits for your word.");
  empty(by("signals"), "None yet. Fill a cart and leave it.");
  empty(by("inbox"), "Empty.");
};

/** The steps at the top, and the clock of the cart. */
const tick = () => {
  for (const due of document.querySelectorAll("[data-due]")) {
    due.textContent = `falls due in ${Math.max(0, Math.ceil((+due.dataset.due - now()) / 1000))} s`;
  }
  if (!held.facts) return;
  const kinds = held.events.filter((one) => ["add_to_cart", "purchase"].includes(one.event_type));
  const open = kinds[0]?.event_type === "add_to_cart" && cart.count() > 0 ? kinds[0] : undefined;
  const abandoned = held.signals.find((one) => one.kind === "cart_abandoned" && one.status === "active");
  const waiting = open && !(abandoned && abandoned.occurred_at_ms >= open.event_time_ms);
  const left = waiting ? open.event_time_ms + held.facts.cart_timeout_ms - now() : 0;
  by("clock").hidden = !waiting;
  by("clock").style.setProperty("--done", `${Math.min(1, 1 - left / held.facts.cart_timeout_ms)}`);
  by("clock-words").textContent = left > 0 ? `abandoned in ${Math.ceil(left / 1000)} s` : "due: waiting until no earlier purchase can come";
  const step = abandoned ? "buy" : waiting ? "wait" : "fill";
  for (const one of document.querySelectorAll("[data-step]")) one.setAttribute("aria-current", one.dataset.step === step ? "step" : "false");
};

const look = async () => {
  try {
    const answer = await fetch(`/demo/state?seen=${encodeURIComponent(held.seen)}`, { cache: "no-store" });
    document.body.classList.toggle("away", !answer.ok);
    if (answer.status === 200) {
      held = await answer.json();
      ahead_ms = held.now_ms - Date.now();
      account.known(held.visitor);
      paint();
    }
  } catch {
    document.body.classList.add("away");
  }
};

export const watch = async () => {
  setInterval(tick, 200);
  for (;;) {
    await look();
    await new Promise((go) => setTimeout(go, document.hidden ? 4 * EVERY_MS : EVERY_MS));
  }
};
