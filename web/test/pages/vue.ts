// A page of Vue's, over the bundle that is shipped; run by tests/browser/test_hooks.py.
import { createApp, h } from "vue";
// @ts-expect-error a bundle has no types
import { useSlot } from "../../dist/vue.js";

createApp({
  setup: () => {
    const answer = useSlot("cart_banner");
    return () => (answer.value?.fields.headline ? h("b", answer.value.fields.headline) : null);
  },
}).mount("#app");
