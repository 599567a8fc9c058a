// Consent first; then the shop, and what is seen of it.
import { by } from "./dom.js";
import { cart } from "./goods.js";
import { account, show } from "./shop.js";
import { watch } from "./watch.js";

const SAID = "shop.consent"; // the shop's own note of the answer: whether to ask again

const tracker = () =>
  new Promise((ready) => {
    const look = () => (window.footfall ? ready(window.footfall) : setTimeout(look, 20));
    look();
  });

const answer = async (word, email) => {
  localStorage.setItem(SAID, word);
  by("consent").hidden = true;
  await account.become(word === "granted" ? email : "", false);
  (await tracker()).consent(word);
  by("view").focus({ preventScroll: true });
};

/** The collector takes its cookie away with its answer to the denial; a page that goes before is known again. */
const forgotten = async () => {
  for (let n = 0; n < 50; n++) {
    const { visitor } = await (await fetch("/demo/state", { cache: "no-store" })).json();
    if (!visitor.device) return;
    await new Promise((go) => setTimeout(go, 100));
  }
};

by("consent").addEventListener("submit", (event) => {
  event.preventDefault();
  answer("granted", new FormData(event.target).get("email"));
});
by("no").addEventListener("click", () => answer("denied", ""));
by("again").addEventListener("click", async () => {
  await answer("denied", "");
  cart.empty();
  await forgotten();
  localStorage.removeItem(SAID);
  location.assign("/");
});

show(false);
if (!localStorage.getItem(SAID)) by("consent").hidden = false;
watch();
