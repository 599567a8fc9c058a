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

export const by = (id) => document.getElementById(id);

/** A tin of tea in the tea's colour. */
export const tin = (hue) => {
  const picture = by("tin").content.firstElementChild.cloneNode(true);
  picture.style.setProperty("--hue", hue);
  return picture;
};
