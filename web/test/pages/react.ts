// A page of React's, over the bundle that is shipped; run by tests/browser/test_hooks.py.
import { createElement, type FunctionComponent } from "react";
import { createRoot } from "react-dom/client";
// @ts-expect-error a bundle has no types
import { useSlot } from "../../dist/react.js";

const Banner: FunctionComponent<{ slot: string }> = ({ slot }) => {
  const answer = useSlot(slot);
  return answer?.fields.headline ? createElement("b", null, answer.fields.headline) : null;
};

createRoot(document.getElementById("app")!).render(createElement(Banner, { slot: "cart_banner" }));
