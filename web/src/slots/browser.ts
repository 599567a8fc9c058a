// All pages of one browser share one stream: a lock chooses who leads, a channel informs the others.
import type { Answer, Answers } from "./answers";
import type { Api } from "./api";
import { lead, type Leader } from "./leader";

const NAME = "footfall.slots";

type Message = { want: string[] } | { answers: Answer[]; last: string } | { leads: true };

export interface Shared {
  start(): void;
  stop(): void;
  /** Somebody in this page wants another slot. */
  want(): void;
  renew(): void;
}

export const share = (api: Api, answers: Answers): Shared => {
  let channel: BroadcastChannel | undefined;
  let leader: Leader | undefined;
  let release: (() => void) | undefined;
  let last = "";

  const say = (message: Message): void => channel?.postMessage(message);
  const want = (): void => {
    const slots = answers.wanted();
    if (leader) leader.want(slots);
    else if (slots.length) say({ want: slots });
  };
  const begin = (): void => {
    leader = lead(api, answers, last, (newest) => say({ answers: answers.all(), last: (last = newest) }));
    want();
    say({ leads: true });
  };
  /** Holds the lock until released: another page takes over, also when this one is killed. */
  const candidate = (): void => {
    if (!navigator.locks) return begin();
    const abandoned = new AbortController();
    release = () => abandoned.abort();
    const held = (): Promise<void> =>
      new Promise((resolve) => {
        release = resolve;
        begin();
      });
    navigator.locks.request(NAME, { signal: abandoned.signal }, held).catch(() => {});
  };

  const shared: Shared = {
    start() {
      if (channel) return;
      channel = new BroadcastChannel(NAME);
      channel.onmessage = ({ data }: MessageEvent<Message>) => {
        if ("answers" in data) {
          last = data.last;
          answers.set(data.answers);
        } else if ("want" in data) leader?.want(data.want);
        else want();
      };
      candidate();
      want();
    },
    stop() {
      leader?.stop();
      leader = undefined;
      release?.();
      channel?.close();
      channel = undefined;
    },
    want,
    renew() {
      shared.stop();
      api.forget();
      last = "";
      answers.clear();
      shared.start();
    },
  };
  return shared;
};
