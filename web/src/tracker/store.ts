// What is kept in the browser. A store that is full or forbidden costs what a later page would have known.

export const PREFIX = "footfall.";

export interface Store {
  get_(key: string): string | null | undefined;
  /** Undefined takes it away. */
  set_(key: string, value?: string): void;
  keys_(): string[];
}

export const safe = (real: Storage | undefined): Store => ({
  get_: (key) => real?.getItem(PREFIX + key),
  set_(key, value) {
    try {
      if (value == null) real?.removeItem(PREFIX + key);
      else real?.setItem(PREFIX + key, value);
    } catch {
      // Full: the page's memory has to do.
    }
  },
  keys_: () =>
    Object.keys(real || {})
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => key.slice(PREFIX.length)),
});
