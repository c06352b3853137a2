// One event of a tick, written at most once for each form, stream and origin, and shared by all sessions that it goes to.
import type { AccountRow } from '../actors/messages.ts';
import type { AccountId } from '../runtime/account-id.ts';
import { printStatusId } from '../runtime/status-id.ts';
import type { Mark } from './session-had.ts';
import { compactFrame, compactStart } from './streaming-compact.ts';
import type { StreamForm } from './streaming-protocol.ts';
import { accountsIn, type NotificationRows, type StatusRows, type Told } from './streaming-told.ts';

/** Makes the JSON text of entities, with links that begin with `origin`. */
export interface EntityWriter {
  status(rows: StatusRows, origin: string): string;
  notification(rows: NotificationRows, origin: string): string;
}

const eventNames = {
  update: 'update',
  deleted: 'delete',
  notified: 'notification',
  resync: 'resync',
} as const;

export class StreamEvent {
  readonly told: Told;
  /** What its client may resume from; null on streams that cannot be resumed. */
  readonly cursor: string | null;
  /** Null on streams that cannot be resumed, and of a resync. */
  readonly mark: Mark | null;
  readonly #writer: EntityWriter;
  #faces: Face[] | null = null;
  readonly #origins = new Map<string, Written>();
  #lastOrigin = '';
  #last: Written | null = null;

  constructor(told: Told, cursor: string | null, writer: EntityWriter, mark: Mark | null = null) {
    this.told = told;
    this.cursor = cursor;
    this.mark = mark;
    this.#writer = writer;
  }

  /** The frame for a stream with this label (`["user"]`). `known` (compact only): the accounts its socket has had; filled in. */
  frame(form: StreamForm, label: string, origin: string, known: KnownAccounts | null): Uint8Array {
    const written = this.#writtenFor(origin);
    const variant = form === 'compact' && this.#areKnown(known) ? 'brief' : form;
    // A loop over one or two entries: this is run for each delivery.
    const frames = written.frames;
    for (const entry of frames) if (entry.label === label && entry.variant === variant) return entry.frame;
    const frame = this.#make(variant, label, written, origin);
    frames.push({ variant, label, frame });
    return frame;
  }

  #writtenFor(origin: string): Written {
    if (this.#last !== null && this.#lastOrigin === origin) return this.#last;
    let written = this.#origins.get(origin);
    if (written === undefined) {
      written = { payload: null, frames: [] };
      this.#origins.set(origin, written);
    }
    this.#lastOrigin = origin;
    this.#last = written;
    return written;
  }

  #areKnown(known: KnownAccounts | null): boolean {
    if (known === null) return false;
    this.#faces ??= accountsIn(this.told).map(faceOf);
    if (this.#faces.every(({ id, look }) => known.get(id) === look)) return true;
    for (const { id, look } of this.#faces) {
      if (known.size >= mostKnown) known.clear();
      known.set(id, look);
    }
    return false;
  }

  #make(variant: Variant, label: string, written: Written, origin: string): Uint8Array {
    if (variant === 'compact' || variant === 'brief') {
      return compactFrame({ told: this.told, cursor: this.cursor, label }, variant === 'brief');
    }
    written.payload ??= this.#payload(origin);
    const name = eventNames[this.told.kind];
    return variant === 'json' ? this.#json(name, label, written.payload) : this.#event(name, written.payload);
  }

  #json(name: string, label: string, payload: string): Uint8Array {
    const body = payload === '' ? '' : `,"payload":${JSON.stringify(payload)}`;
    const cursor = this.cursor === null ? '' : `,"cursor":"${this.cursor}"`;
    return Buffer.from(`{"stream":${label},"event":"${name}"${body}${cursor}}`);
  }

  /** Server-sent events: JSON has no line breaks. An event without data would not be dispatched by browsers. */
  #event(name: string, payload: string): Uint8Array {
    const id = this.cursor === null ? '' : `id: ${this.cursor}\n`;
    return Buffer.from(`${id}event: ${name}\ndata: ${payload || name}\n\n`);
  }

  #payload(origin: string): string {
    switch (this.told.kind) {
      case 'update':
        return this.#writer.status(this.told, origin);
      case 'deleted':
        return printStatusId(this.told.id);
      case 'notified':
        return this.#writer.notification(this.told, origin);
      case 'resync':
        return '';
    }
  }
}

/** Where a stream starts: what its client resumes from until something else comes. */
export function startFrame(form: StreamForm, label: string, cursor: string): Uint8Array {
  switch (form) {
    case 'json':
      return Buffer.from(`{"stream":${label},"event":"cursor","cursor":"${cursor}"}`);
    case 'events':
      return Buffer.from(`id: ${cursor}\n\n`);
    case 'compact':
      return compactStart(label, cursor);
  }
}

/** The accounts a compact socket has been sent in full, with the look they had then. */
export type KnownAccounts = Map<AccountId, number>;

/** More accounts than this are not remembered for a socket: then all are sent anew. */
const mostKnown = 2000;

interface Face {
  id: AccountId;
  look: number;
}

/** Tells whether an account still looks as it was sent: its counts do not matter. */
function faceOf({ id, displayName, note, bot, locked }: AccountRow): Face {
  let look = 0x811c9dc5;
  for (const character of `${displayName}\0${note}\0${bot}${locked}`) {
    look = Math.imul(look ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return { id, look };
}

/** `brief` is compact, with accounts by id alone. */
type Variant = StreamForm | 'brief';

/** What depends on the origin. */
interface Written {
  payload: string | null;
  frames: { variant: Variant; label: string; frame: Uint8Array }[];
}
