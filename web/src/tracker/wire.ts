// What goes over the wire: the batch that connectors/adapters/footfall.py reads.

export type Fields = Record<string, unknown>;

export interface WireEvent {
  event_id: string;
  event_time_ms: number;
  sequence: number;
  user_id?: string;
  /** As the page says it: a type of the contract, a name of GA4's, or the shop's own. The adapter translates. */
  name: string;
  context: Fields;
  properties: Fields;
}

export interface Batch {
  sent_at_ms: number;
  /** The collector makes the device's id of it, always the same; says also that an id may be stored. */
  device_seed: string;
  context: Fields;
  events: WireEvent[];
}

export const BATCH_EVENTS = 10;
export const BATCH_BYTES = 60_000; // of the 64 KB that all keepalive requests and beacons of a page share
export const ENVELOPE_BYTES = 1_000; // of these, for what a batch says once
export const BATCH_WAIT_MS = 2_000;
export const QUEUE_EVENTS = 500;
export const DOUBLE_MS = 50;

const encoder = new TextEncoder();

/** UTF-8 bytes of a value as JSON. */
export const bytesOf = (value: unknown): number => encoder.encode(JSON.stringify(value)).length;
