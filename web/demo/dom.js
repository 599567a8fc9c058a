// Elements out of calls; whatever comes from outside becomes text, never markup.
export const h = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
};

const SVG = "http://www.w3.org/2000/svg";
const shape = (tag, attributes) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

/** A tin of tea in the tea's colour. */
export const tin = (hue) => {
  const picture = shape("svg", { viewBox: "0 0 120 90", preserveAspectRatio: "xMidYMid meet", class: "tin", "aria-hidden": "true", style: `--hue: ${hue}` });
  picture.append(
    shape("ellipse", { cx: 60, cy: 77, rx: 34, ry: 4, class: "shade" }),
    shape("rect", { x: 34, y: 24, width: 52, height: 52, rx: 5, class: "body" }),
    shape("rect", { x: 31, y: 16, width: 58, height: 12, rx: 4, class: "lid" }),
    shape("rect", { x: 42, y: 38, width: 36, height: 26, rx: 3, class: "label" }),
    shape("path", { d: "M60 60c-9-4-9-13 0-19c9 6 9 15 0 19zM60 60v-14", class: "leaf" }),
  );
  return picture;
};

export const by = (id) => document.getElementById(id);
