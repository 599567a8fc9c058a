// What the shop sells, and the cart, which is the browser's own: it needs no consent.
const CART = "shop.cart";

export const GOODS = [
  { id: "sencha", name: "Sencha", category: "green", price: 9.5, hue: 140, text: "Steamed green tea from Shizuoka, grassy and sweet." },
  { id: "assam", name: "Assam", category: "black", price: 8.9, hue: 18, text: "Malty, strong, made for milk." },
  { id: "rooibos", name: "Rooibos", category: "herbal", price: 7.2, hue: 4, text: "Red and round, without caffeine." },
  { id: "jasmine", name: "Jasmine", category: "green", price: 12.4, hue: 88, text: "Scented five nights long with fresh flowers." },
  { id: "earl-grey", name: "Earl Grey", category: "black", price: 9.9, hue: 222, text: "Bergamot from Calabria on a Ceylon." },
  { id: "chai", name: "Chai", category: "spiced", price: 10.8, hue: 36, text: "Ginger, cardamom, cinnamon, pepper." },
];

export const find = (id) => GOODS.find((one) => one.id === id);
export const money = (amount) => new Intl.NumberFormat("en", { style: "currency", currency: "EUR" }).format(amount);
export const item = (good, quantity = 1) => ({
  item_id: good.id, item_name: good.name, item_category: good.category, price: good.price, quantity,
});

const read = () => {
  try {
    return JSON.parse(localStorage.getItem(CART)) || {};
  } catch {
    return {};
  }
};

export const cart = {
  /** Pairs of a good and how many. */
  rows: () => Object.entries(read()).map(([id, count]) => [find(id), count]).filter(([good]) => good),
  count: () => cart.rows().reduce((sum, [, count]) => sum + count, 0),
  total: () => cart.rows().reduce((sum, [good, count]) => sum + good.price * count, 0),
  change(id, by) {
    const held = read();
    held[id] = Math.max(0, (held[id] || 0) + by);
    if (!held[id]) delete held[id];
    localStorage.setItem(CART, JSON.stringify(held));
    dispatchEvent(new Event("shop:cart"));
  },
  empty() {
    localStorage.removeItem(CART);
    dispatchEvent(new Event("shop:cart"));
  },
};
addEventListener("storage", ({ key }) => (!key || key === CART) && dispatchEvent(new Event("shop:cart")));
