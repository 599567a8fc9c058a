// The one page of a browser that holds the stream. It receives signals, asks for decisions, and informs the other pages.
import { retryAfterMs, retryMs } from "../tracker/sender";
import type { Answers, Signal } from "./answers";
import { Unavailable, type Api } from "./api";
import { readStream, type Stream, type StreamEvent } from "./stream";

const GATHER_MS = 50; // signals come in groups
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface Leader {
  /** A page wants these slots filled. */
  want(slots: string[]): void;
  stop(): void;
}

/** Leads until stopped; `publish` brings news to the other pages. */
export const lead = (api: Api, answers: Answers, last: string, publish: (last: string) => void): Leader => {
  const stopped = new AbortController();
  const stream: Stream = { last, retryMs: 0 };
  const wanted = new Set(answers.wanted());
  let signals = new Map<string, Signal>();
  let clockMs = 0; // the server's minus ours
  let tries = 0;
  let deciding: ReturnType<typeof setTimeout> | undefined;
  let expiring: ReturnType<typeof setTimeout> | undefined;

  const isStopped = (): boolean => stopped.signal.aborted;
  const isLive = (id: string): boolean => {
    const signal = signals.get(id);
    return signal?.status === "active" && signal.expires_at_ms > Date.now() + clockMs;
  };

  const expire = (): void => {
    clearTimeout(expiring);
    const ends = [...signals.values()].map((signal) => signal.expires_at_ms - Date.now() - clockMs).filter((ms) => ms > 0);
    if (ends.length) expiring = setTimeout(changed, Math.min(Math.min(...ends) + 1, LONGEST_TIMER_MS));
  };
  const decide = async (): Promise<void> => {
    try {
      const decided = await api.decide([...wanted]);
      if (isStopped()) return;
      clockMs = decided.decided_at_ms - Date.now();
      answers.set(decided.slots);
      publish(stream.last);
      expire();
    } catch {
      soon(retryMs(0, 0, Math.random()));
    }
  };
  const soon = (ms: number): void => {
    clearTimeout(deciding);
    if (!isStopped() && wanted.size) deciding = setTimeout(decide, ms);
  };
  /** Removes what has ended at once, then asks for what to show instead. */
  const changed = (): void => {
    if (answers.keep(isLive)) publish(stream.last);
    expire();
    soon(GATHER_MS);
  };
  const onEvent = ({ kind, data }: StreamEvent): void => {
    tries = 0;
    if (kind === "snapshot") {
      const rows = (data as { signals: Signal[] }).signals;
      signals = new Map(rows.map((signal) => [signal.signal_id, signal]));
    } else if (kind === "signal") signals.set((data as Signal).signal_id, data as Signal);
    else return;
    changed();
  };
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      stopped.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()));
    });
  const follow = async (): Promise<void> => {
    while (!isStopped()) {
      let answer: Response | undefined;
      try {
        answer = await readStream(api.streamUrl, await api.token(), stream, stopped.signal, onEvent);
      } catch (error) {
        answer = error instanceof Unavailable ? error.answer : undefined;
      }
      if (answer?.status === 401) api.forget();
      const asked = Math.max(retryAfterMs(answer?.headers.get("Retry-After"), Date.now()), stream.retryMs);
      await wait(retryMs(tries++, asked, Math.random()));
    }
  };

  void follow();
  return {
    want(slots) {
      slots.forEach((slot) => wanted.add(slot));
      if (slots.some((slot) => !answers.get(slot))) soon(GATHER_MS);
      else publish(stream.last);
    },
    stop() {
      stopped.abort();
      clearTimeout(deciding);
      clearTimeout(expiring);
    },
  };
};
