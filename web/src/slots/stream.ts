// Server-Sent Events over fetch: with a header for the token, the status of an answer, and silence noticed, none of
// which EventSource has.

export interface StreamEvent {
  kind: string;
  data: unknown;
}

export interface Stream {
  /** Names the newest event: `signal_id:version`. */
  last: string;
  /** The wait before the next connection, as the server wants it. */
  retryMs: number;
}

const SILENCE_MS = 45_000; // the server says something every 15 s

/** Takes a block of lines; what is no event of ours changes nothing. */
export const take = (block: string, stream: Stream, onEvent: (event: StreamEvent) => void): void => {
  let kind = "message";
  const data: string[] = [];
  for (const line of block.split(/\r\n|\r|\n/)) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) || [];
    if (name === "event") kind = value!;
    else if (name === "data") data.push(value!);
    else if (name === "id") stream.last = value!;
    else if (name === "retry") stream.retryMs = +value! || stream.retryMs;
  }
  if (data.length) onEvent({ kind, data: JSON.parse(data.join("\n")) });
};

/** Reads a stream to its end, which is also its fault or its silence. The answer, when it was none with 200. */
export const readStream = async (
  url: string,
  token: string,
  stream: Stream,
  stop: AbortSignal,
  onEvent: (event: StreamEvent) => void,
): Promise<Response | undefined> => {
  const silence = new AbortController();
  const end = (): void => silence.abort();
  stop.addEventListener("abort", end);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(timer);
    timer = setTimeout(end, SILENCE_MS);
  };
  try {
    heard();
    const headers: Record<string, string> = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
    if (stream.last) headers["Last-Event-ID"] = stream.last;
    const answer = await fetch(url, { headers, credentials: "include", cache: "no-store", signal: silence.signal });
    if (!answer.ok) return answer;
    const reader = answer.body!.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return undefined;
      heard();
      const blocks = (text + value).split(/\r\n\r\n|\n\n|\r\r/);
      text = blocks.pop()!;
      for (const block of blocks) take(block, stream, onEvent);
    }
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", end);
  }
};
