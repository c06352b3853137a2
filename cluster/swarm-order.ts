// What is asked of the swarm, and what can be seen of a torrent in it.
import type { TorrentBounds } from './torrent-bounds.ts';
import type { TorrentInfo } from './torrent-info.ts';

export interface SwarmAddress {
  /** An IPv4 or IPv6 address, or a host name. */
  host: string;
  port: number;
}

export interface TorrentOrder {
  /** 20 bytes. */
  hash: Uint8Array;
  /** Null: peers are asked for it (BEP 9). */
  info: TorrentInfo | null;
  /**
   * The files go here, as they are named; made where absent. Beside it, in `keptPath(folder)`, is kept which pieces are there, so that
   * a restart goes on.
   */
  folder: string;
  /** Folders with earlier releases: pieces of files with the same length or the same path are taken from there if their hashes fit. Never written to. */
  sources?: readonly string[];
  /** Spread the first copy (BEP 16): each piece is sent once before any is sent twice. */
  isFirst?: boolean;
  /** `makeInfo` has just read the folder: only lengths are looked at, and nothing in it is ever written. */
  isWhole?: boolean;
  bounds?: TorrentBounds;
  /** Where peers may be. Asked again every 400 ms while incomplete, every 30 s afterwards. A rejection counts as nobody. */
  find?(): Promise<readonly SwarmAddress[]>;
}

export type TorrentStage =
  /** Peers are asked for the info dictionary. */
  | 'info'
  /** What is on disk is looked at, here and in the sources. */
  | 'checking'
  | 'fetching'
  | 'complete'
  /** `failure` says why. Nothing goes on. */
  | 'failed'
  | 'removed';

export interface TorrentProgress {
  /** Bytes of files, without padding. 0 until the info dictionary is there. */
  totalBytes: number;
  /** Of these, verified and on disk. */
  haveBytes: number;
  /** Of these, taken from the sources. */
  reusedBytes: number;
  /** Of these, on disk already when it was added. */
  keptBytes: number;
  /** Content received from peers, useful or not. */
  movedBytes: number;
  /** Content sent to peers. */
  sentBytes: number;
  /** Of what was received: doubled by the endgame, not asked for, or of a piece that was wrong. */
  wastedBytes: number;
  /** Open connections. */
  peers: number;
  /** Peers refused for good, after a wrong piece or message. */
  banned: number;
}

export function noProgress(): TorrentProgress {
  return {
    totalBytes: 0,
    haveBytes: 0,
    reusedBytes: 0,
    keptBytes: 0,
    movedBytes: 0,
    sentBytes: 0,
    wastedBytes: 0,
    peers: 0,
    banned: 0,
  };
}

/** Why a torrent ended without being whole. */
export type SwarmFailure =
  | 'removed'
  /** The system refuses to read or write; `cause` is its error. */
  | 'disk'
  /** The info dictionary is one that must not be fetched; `cause` is the `TorrentError`. */
  | 'refused';

export class SwarmError extends Error {
  override name = 'SwarmError';
  reason: SwarmFailure;
  constructor(reason: SwarmFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface Torrent {
  readonly hash: Uint8Array;
  readonly info: TorrentInfo | null;
  readonly folder: string;
  readonly stage: TorrentStage;
  readonly failure: SwarmError | null;
  readonly progress: TorrentProgress;
  /** Rejects with a `SwarmError` when the torrent fails or is removed before. Need not be listened to. */
  readonly whenInfo: Promise<TorrentInfo>;
  /** Every piece is verified and written to its file (not: synced). Rejects as `whenInfo` does. */
  readonly whenComplete: Promise<void>;
  /** Every piece has been seen whole at some other peer: this node may go. Rejects as `whenInfo` does. */
  readonly whenSpread: Promise<void>;
  /** Who may have it, by hearsay. */
  addPeers(addresses: readonly SwarmAddress[]): void;
  /** Ends it: connections are closed, what is there stays, and what is known of it is kept. Resolves when nothing is written any more. */
  remove(): Promise<void>;
}

/** Where the verified pieces of a folder's torrent are kept. Who deletes or moves the folder deletes this. */
export function keptPath(folder: string): string {
  return `${folder}.have`;
}
