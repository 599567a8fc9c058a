// What is shown in each slot: as decided, and as signals that have ended take it away. Knows no page.

export type Value = string | number | boolean;

export interface Answer {
  slot: string;
  reason: string;
  content?: string | null;
  fields: Record<string, Value>;
  because?: { signal_id?: string | null } | null;
}

export interface Signal {
  signal_id: string;
  status: string;
  expires_at_ms: number;
}

export interface Answers {
  get(slot: string): Answer | undefined;
  subscribe(slot: string, listener: () => void): () => void;
  /** Slots that somebody in the page listens to. */
  wanted(): string[];
  all(): Answer[];
  set(answers: Answer[]): void;
  /** Empties what was called for by a signal that `isLive` does not know; whether there was any. */
  keep(isLive: (signalId: string) => boolean): boolean;
  clear(): void;
}

const nothing = (slot: string): Answer => ({ slot, reason: "ended", fields: {} });

export const createAnswers = (): Answers => {
  const answers = new Map<string, Answer>();
  const listeners = new Map<string, Set<() => void>>();
  const put = (answer: Answer): void => {
    const before = answers.get(answer.slot);
    if (JSON.stringify(before) === JSON.stringify(answer)) return;
    answers.set(answer.slot, answer);
    listeners.get(answer.slot)?.forEach((notify) => notify());
  };
  const all = (): Answer[] => [...answers.values()];

  return {
    get: (slot) => answers.get(slot),
    subscribe(slot, listener) {
      const known = listeners.get(slot) ?? new Set();
      listeners.set(slot, known.add(listener));
      return () => {
        known.delete(listener);
        if (!known.size) listeners.delete(slot);
      };
    },
    wanted: () => [...listeners.keys()],
    all,
    set: (given) => given.forEach(put),
    keep(isLive) {
      const ended = all().filter(({ because }) => because?.signal_id && !isLive(because.signal_id));
      ended.forEach(({ slot }) => put(nothing(slot)));
      return ended.length > 0;
    },
    clear: () => all().forEach(({ slot }) => put(nothing(slot))),
  };
};
