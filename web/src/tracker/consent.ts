// Consent, in Google's Consent Mode or ours: "granted" or "denied" for each use.

export type Word = "granted" | "denied";
export type Choices = Record<string, Word | undefined>;

/** A text is about all uses and replaces all choices; an object changes those that it names. */
export const heard = (before: Choices, words: unknown): Choices =>
  typeof words === "string" ? { analytics_storage: words as Word } : { ...before, ...(words as Choices) };

/** Whether others may act on it: denied if any use for ads is; without one, as for measuring. */
export const acting = (choices: Choices): Word | undefined => {
  const words = Object.keys(choices).map((name) => name.startsWith("ad_") && choices[name]);
  const find = (word: Word): Word | false => words.includes(word) && word;
  return find("denied") || find("granted") || choices.analytics_storage;
};
