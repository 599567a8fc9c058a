// <script async src="/slots.js"></script>: content in the page's slots, once the visitor has agreed to be known.
import type {} from "../tracker/main";
import { createAnswers, type Answer } from "./answers";
import { createApi } from "./api";
import { share } from "./browser";
import { slotElement } from "./element";

export interface Slots {
  get(slot: string): Answer | undefined;
  /** Calls when what is shown in the slot has changed; gives what ends that. */
  subscribe(slot: string, listener: () => void): () => void;
  /** The visitor is another one now: signed in or out. */
  renew(): void;
}

declare global {
  interface Window {
    footfallSlots?: Slots;
  }
}

const script = document.currentScript as HTMLScriptElement | null;
const { api, tokens, consent } = script?.dataset ?? {};
const base = new URL(api || "v1/", script?.src || location.href).href;

/** The tracker stores a seed once it may. */
const isKnown = (): boolean => {
  try {
    return consent === "granted" || !!localStorage.getItem("footfall.seed");
  } catch {
    return false;
  }
};

if (!window.footfallSlots) {
  const answers = createAnswers();
  const language = (): string => document.documentElement.lang || navigator.language;
  const shared = share(createApi(base, new URL(tokens || "tokens", base).href, language), answers);
  const settle = (known: boolean): void => {
    if (known) return shared.start();
    shared.stop();
    answers.clear();
  };
  window.footfallSlots = {
    get: answers.get,
    subscribe(slot, listener) {
      const leave = answers.subscribe(slot, listener);
      shared.want();
      return leave;
    },
    renew: shared.renew,
  };
  customElements.define("footfall-slot", slotElement(answers, shared.want));
  addEventListener("footfall:consent", (event) => settle((event as CustomEvent<boolean>).detail));
  // A page in the back/forward cache leads nobody.
  addEventListener("pagehide", shared.stop);
  addEventListener("pageshow", (shown) => shown.persisted && settle(isKnown()));
  if (isKnown()) shared.start();
  dispatchEvent(new Event("footfall:slots"));
}
