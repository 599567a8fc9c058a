// The decision API as a page asks it. The token is the device's, of the collector's cookie, or from the shop's own server.
import type { Answer } from "./answers";

export interface Decided {
  decided_at_ms: number;
  slots: Answer[];
}

/** As it comes: what is empty is left out. */
interface DecideBody {
  decided_at_ms: number;
  slots: (Omit<Answer, "fields"> & Partial<Answer>)[];
}

const MOST_SLOTS = 20; // of one request

export class Unavailable extends Error {
  constructor(readonly answer?: Response) {
    super("the API does not answer");
  }
}

export interface Api {
  token(): Promise<string>;
  /** The next request asks for a new token. */
  forget(): void;
  decide(slots: string[]): Promise<Decided>;
  streamUrl: string;
}

export const createApi = (base: string, tokenUrl: string, language: () => string): Api => {
  let held: { token: string; expires_at_ms: number } | undefined;

  const post = async (url: string, body: object, headers: Record<string, string> = {}): Promise<unknown> => {
    const answer = await fetch(url, {
      method: "POST",
      credentials: "include",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    if (answer.status === 401) held = undefined;
    if (!answer.ok) throw new Unavailable(answer);
    return answer.json();
  };
  const token = async (): Promise<string> => {
    if (!held || held.expires_at_ms < Date.now() + 30_000) held = (await post(tokenUrl, {})) as typeof held;
    return held!.token;
  };
  const one = async (slots: string[]): Promise<DecideBody> =>
    (await post(`${base}decide`, { slots, language: language() }, { Authorization: `Bearer ${await token()}` })) as DecideBody;

  return {
    token,
    forget() {
      held = undefined;
    },
    async decide(slots) {
      const decided: Decided = { decided_at_ms: Date.now(), slots: [] };
      for (let i = 0; i < slots.length; i += MOST_SLOTS) {
        const { decided_at_ms, slots: answers } = await one(slots.slice(i, i + MOST_SLOTS));
        decided.decided_at_ms = decided_at_ms;
        decided.slots.push(...answers.map((answer) => ({ fields: {}, ...answer })));
      }
      return decided;
    },
    streamUrl: `${base}stream`,
  };
};
