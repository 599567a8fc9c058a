// The slots of a page, whether their script is there yet or still comes.
import type { Answer } from "../slots/answers";
import type {} from "../slots/main";

export type { Answer };

export const get = (slot: string): Answer | undefined => window.footfallSlots?.get(slot);

export const subscribe = (slot: string, listener: () => void): (() => void) => {
  let leave: (() => void) | undefined;
  const begin = (): void => {
    leave = window.footfallSlots!.subscribe(slot, listener);
    listener();
  };
  if (window.footfallSlots) begin();
  else addEventListener("footfall:slots", begin, { once: true });
  return () => {
    removeEventListener("footfall:slots", begin);
    leave?.();
  };
};
