// const answer = useSlot("cart_banner"): undefined, or what to show; `fields` is empty when there is nothing.
import { useCallback, useSyncExternalStore } from "react";
import { get, subscribe, type Answer } from "./slots";

export const useSlot = (slot: string): Answer | undefined =>
  useSyncExternalStore(
    useCallback((changed: () => void) => subscribe(slot, changed), [slot]),
    () => get(slot),
    () => undefined,
  );
