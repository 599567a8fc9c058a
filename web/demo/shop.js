// The shop's views, and what it pushes into the data layer, in GA4's names. Footfall is nowhere in here.
import { h, by, tin } from "./dom.js";
import { GOODS, cart, find, item, money } from "./goods.js";

/** Real shops leave the page at such a moment, which sends what waits; this one stays, so it says so. */
export const push = (event, ecommerce) => {
  window.dataLayer.push({ event, ecommerce: { currency: "EUR", ...ecommerce } });
  window.footfall?.flush();
};
const inCart = () => ({ value: cart.total(), items: cart.rows().map(([good, count]) => item(good, count)) });

const add = (good) => {
  cart.change(good.id, 1);
  push("add_to_cart", { value: good.price, items: [item(good)] });
};
const remove = (good) => {
  cart.change(good.id, -1);
  push("remove_from_cart", { value: good.price, items: [item(good)] });
};
const buy = (event) => {
  event.preventDefault();
  push("purchase", { transaction_id: crypto.randomUUID(), ...inCart() });
  cart.empty();
  go("/thanks");
};

const addButton = (good) =>
  h("button", { type: "button", onclick: () => add(good), "data-add": good.id, "aria-label": `Add ${good.name} to the cart` }, "Add to cart");

const home = () => ["Teas", h("ul", { class: "goods" }, GOODS.map((good) =>
  h("li", {},
    h("a", { href: `/product/${good.id}`, "data-link": true }, tin(good.hue),
      h("span", { class: "line" }, h("b", {}, good.name), h("span", { class: "price" }, money(good.price))),
      h("small", {}, good.text)),
    addButton(good))))];

const product = (id) => {
  const good = find(id);
  if (!good) return home();
  return [good.name, h("div", { class: "product" }, tin(good.hue),
    h("div", {}, h("p", {}, good.text), h("p", { class: "price" }, money(good.price)), addButton(good)))];
};

const rows = () => h("table", {},
  h("caption", { class: "unseen" }, "What is in the cart"),
  h("tbody", {}, cart.rows().map(([good, count]) => h("tr", {},
    h("th", { scope: "row" }, good.name),
    h("td", {},
      h("button", { type: "button", class: "quiet small", onclick: () => remove(good), "aria-label": `One ${good.name} less` }, "−"),
      h("span", { class: "times" }, `${count}`),
      h("button", { type: "button", class: "quiet small", onclick: () => add(good), "aria-label": `One ${good.name} more` }, "+")),
    h("td", { class: "price" }, money(good.price * count))))),
  h("tfoot", {}, h("tr", {}, h("th", { scope: "row", colspan: "2" }, "Total"), h("td", { class: "price" }, money(cart.total())))));

const basket = () => ["Your cart", cart.count()
  ? h("div", {}, rows(), h("p", { class: "onward" }, h("a", { class: "button", href: "/checkout", "data-link": true }, "Check out")))
  : h("p", {}, "It is empty. ", h("a", { href: "/", "data-link": true }, "Look at the teas"))];

const checkout = () => ["Check out", cart.count()
  ? h("form", { onsubmit: buy }, rows(),
      h("label", {}, "Name on the parcel ", h("input", { name: "name", autocomplete: "name", value: "Ada" })),
      h("p", { class: "onward" }, h("button", { type: "submit", id: "buy" }, `Buy for ${money(cart.total())}`)))
  : basket()[1]];

const thanks = () => ["Thank you", h("p", {}, "Your tea is on its way. ", h("a", { href: "/", "data-link": true }, "Back to the teas"))];

const signIn = () => {
  const enter = async (event) => {
    event.preventDefault();
    await account.become(new FormData(event.target).get("email"), true);
    go("/");
  };
  if (account.user) {
    const leave = async () => { await account.become(account.email, false); go("/"); };
    return ["Your account", h("p", {}, `You are ${account.email}. `, h("button", { type: "button", onclick: leave }, "Sign out"))];
  }
  return ["Sign in", h("form", { onsubmit: enter },
    h("p", {}, "What you did as a guest on this device becomes yours."),
    h("label", {}, "E-mail ", h("input", { name: "email", type: "email", required: true, autocomplete: "email", value: account.email || "ada@shop.example" })),
    h("p", { class: "onward" }, h("button", { type: "submit", id: "enter" }, "Sign in")))];
};

/** The visitor as the shop knows it: it tells its own server, then the tracker. */
export const account = {
  email: "",
  user: null,
  known({ email, user }) {
    account.email = email;
    if (user !== account.user && window.footfall) {
      window.footfall.identify(user);
      account.user = user;
    }
    by("who").textContent = user ? email : "Sign in";
  },
  async become(email, signedIn) {
    const answer = await fetch("/demo/me", { method: "POST", body: JSON.stringify({ email, signed_in: signedIn }) });
    const session = await answer.json();
    account.known({ email: session.email, user: session.user_id });
    window.footfallSlots?.renew();
  },
};

const VIEWS = { "/cart": basket, "/checkout": checkout, "/thanks": thanks, "/sign-in": signIn };

export const show = (moved) => {
  const path = location.pathname;
  const id = path.match(/^\/product\/(.+)$/)?.[1];
  const [title, content] = id ? product(id) : (VIEWS[path] || home)();
  document.title = `${title} – Leaf & Pot`;
  by("view").replaceChildren(h("h1", {}, title), content);
  const count = cart.count();
  by("count").textContent = `${count}`;
  by("count").setAttribute("aria-label", `${count} item${count === 1 ? "" : "s"}`);
  if (!moved) return;
  by("view").focus({ preventScroll: true });
  if (id && find(id)) push("view_item", { value: find(id).price, items: [item(find(id))] });
  if (path === "/cart") push("view_cart", inCart());
  if (path === "/checkout" && cart.count()) push("begin_checkout", inCart());
};

export const go = (path) => {
  if (path !== location.pathname) history.pushState({}, "", path);
  show(true);
};

addEventListener("popstate", () => show(true));
addEventListener("shop:cart", () => {
  const focused = document.activeElement?.getAttribute("aria-label");
  show(false);
  // The view is made anew: who was on a button stays on it.
  if (focused) document.querySelector(`#view [aria-label="${CSS.escape(focused)}"]`)?.focus();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(new URL(link.href).pathname);
});
