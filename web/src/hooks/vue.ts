// const answer = useSlot("cart_banner"): a ref of undefined, or of what to show.
import { onScopeDispose, shallowRef, type ShallowRef } from "vue";
import { get, subscribe, type Answer } from "./slots";

export const useSlot = (slot: string): Readonly<ShallowRef<Answer | undefined>> => {
  const answer = shallowRef(get(slot));
  onScopeDispose(subscribe(slot, () => (answer.value = get(slot))));
  return answer;
};
