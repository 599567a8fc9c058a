// Words on consent, in Google's Consent Mode or ours. Each says "granted" or "denied" of one use.

export type Word = "granted" | "denied";
export type Said = Record<string, Word | undefined>;

/** One word is about all uses, and replaces what was said before; an object changes what it names. */
export const heard = (before: Said, words: unknown): Said =>
  typeof words === "string" ? { analytics_storage: words as Word } : { ...before, ...(words as Said) };

/** May anybody act on it? Of several words (`ad_storage` …) one no is a no; without any, that on measuring counts. */
export const acting = (said: Said): Word | undefined => {
  const words = Object.keys(said).map((name) => name.startsWith("ad_") && said[name]);
  const find = (word: Word): Word | false => words.includes(word) && word;
  return find("denied") || find("granted") || said.analytics_storage;
};
