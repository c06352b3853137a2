// One torrent in the swarm, from its info dictionary to its last piece: it hears its peers and gives each thing to the part it concerns.
import type { LinkClock } from './link-clock.ts';
import type { LinkLog } from './link-log.ts';
import { Settled } from './settled.ts';
import { checkDisk, takeFromSources } from './swarm-checking.ts';
import { Crowd } from './swarm-crowd.ts';
import type { ExtendedHandshake, ExtensionName } from './swarm-extended.ts';
import { Fetching } from './swarm-fetching.ts';
import { SwarmFiles } from './swarm-files.ts';
import { Finding } from './swarm-finding.ts';
import { Keeping } from './swarm-keeping.ts';
import { MetadataTalk } from './swarm-metadata-talk.ts';
import type { SwarmMeter } from './swarm-meter.ts';
import { News } from './swarm-news.ts';
import {
  noProgress,
  type SwarmAddress,
  SwarmError,
  type SwarmFailure,
  type Torrent,
  type TorrentOrder,
  type TorrentStage,
} from './swarm-order.ts';
import type { PeerEvents, SwarmPeer } from './swarm-peer.ts';
import type { Block } from './swarm-picker.ts';
import { PieceSet } from './swarm-piece-set.ts';
import type { Rate } from './swarm-rate.ts';
import { type ReadCache, SwarmReading } from './swarm-reading.ts';
import type { SwarmSending } from './swarm-sending.ts';
import { Serving } from './swarm-serving.ts';
import { torrentBounds } from './torrent-bounds.ts';
import { asBuffer, readInfo, type TorrentInfo } from './torrent-info.ts';
import { TorrentLayout } from './torrent-layout.ts';

export interface TorrentPorts {
  peerId: Buffer;
  /** Where this node listens. */
  port(): number;
  localAddress: string | null;
  nextId(): number;
  random(): number;
  clock: LinkClock;
  log: LinkLog;
  meter: SwarmMeter;
  downRate: Rate;
  sending: SwarmSending;
  cache: ReadCache;
  /** The cap on what comes lets nothing through now. */
  thirsty(): void;
  /** It is gone from the swarm. */
  removed(torrent: SwarmTorrent): void;
}

/** How often each part of it is looked at. */
export const lookMs = 400;

/** What there is once the info dictionary is known. */
interface Content {
  readonly layout: TorrentLayout;
  readonly files: SwarmFiles;
  readonly reading: SwarmReading;
}

/** What there is once the disk has been looked at. */
interface Works {
  readonly have: PieceSet;
  readonly serving: Serving;
  readonly keeping: Keeping | null;
  /** Null: nothing lacks. */
  fetching: Fetching | null;
}

export class SwarmTorrent implements Torrent {
  readonly hash: Uint8Array;
  readonly folder: string;
  readonly progress = noProgress();
  info: TorrentInfo | null = null;
  stage: TorrentStage = 'info';
  failure: SwarmError | null = null;
  readonly #order: TorrentOrder;
  readonly #ports: TorrentPorts;
  readonly #crowd: Crowd;
  readonly #metadata: MetadataTalk;
  readonly #finding: Finding | null;
  readonly #news: News;
  readonly #info = new Settled<TorrentInfo>();
  readonly #complete = new Settled<void>();
  readonly #spread = new Settled<void>();
  readonly #stopTicking: () => void;
  #content: Content | null = null;
  #works: Works | null = null;
  /** Pieces seen at other peers. */
  #elsewhere: PieceSet | null = null;
  /** What is done with the disk beside the fetching. */
  #onDisk: Promise<void> = Promise.resolve();
  #ending: Promise<void> | null = null;

  constructor(order: TorrentOrder, ports: TorrentPorts) {
    this.#order = order;
    this.#ports = ports;
    this.hash = Uint8Array.from(order.hash);
    this.folder = order.folder;
    const { clock } = ports;
    this.#crowd = new Crowd({
      ...ports,
      hash: asBuffer(this.hash).toString('hex'),
      peerId: ports.peerId.toString('hex'),
      nowMs: () => clock.nowMs(),
      progress: this.progress,
      events: this.#events(),
      greet: (peer) => this.#greet(peer),
      joined: (peer) => this.#joined(peer),
    });
    this.#metadata = new MetadataTalk({
      hash: this.hash,
      mostBytes: (order.bounds ?? torrentBounds).infoMostBytes,
      peers: this.#crowd.peers,
      nowMs: () => clock.nowMs(),
      got: (bytes) => this.#begin(bytes),
      lied: (peer) => this.#lied(peer, 'its info dictionary is wrong'),
    });
    const tell = (pieces: readonly number[]): void => {
      for (const peer of this.#crowd.peers.values()) for (const piece of pieces) peer.sayHave(piece);
    };
    this.#news = new News({ clock, tell });
    const { find } = order;
    const found = (addresses: readonly SwarmAddress[]): void => this.addPeers(addresses);
    this.#finding = find === undefined ? null : new Finding({ find: () => find(), found, log: ports.log });
    this.#stopTicking = clock.every(lookMs, () => this.#tick());
    if (order.info !== null) this.#begin(order.info.bytes);
    this.#tick();
  }

  get whenInfo(): Promise<TorrentInfo> {
    return this.#info.promise;
  }

  get whenComplete(): Promise<void> {
    return this.#complete.promise;
  }

  get whenSpread(): Promise<void> {
    return this.#spread.promise;
  }

  addPeers(addresses: readonly SwarmAddress[]): void {
    if (this.#ending !== null) return;
    this.#crowd.addresses.learn(addresses, this.#ports.clock.nowMs());
    this.#dial();
  }

  /** A peer that dialed. Gives why it is refused, or null. */
  welcome(peer: SwarmPeer): string | null {
    return this.#ending === null ? this.#crowd.welcome(peer) : 'the torrent is gone';
  }

  /** The cap on what comes lets something through again. */
  askAll(): void {
    this.#works?.fetching?.askAll();
  }

  async remove(): Promise<void> {
    await this.#end('removed', new SwarmError('removed', 'the torrent was removed'));
    this.#ports.removed(this);
  }

  /** The info dictionary is here. */
  #begin(bytes: Uint8Array): void {
    const { bounds = torrentBounds, folder } = this.#order;
    try {
      this.info = readInfo(bytes, bounds, this.hash);
    } catch (error) {
      this.#fail('refused', error);
      return;
    }
    const layout = new TorrentLayout(this.info);
    const files = new SwarmFiles({ layout, folder });
    const name = asBuffer(this.hash).toString('hex');
    const reading = new SwarmReading({ files, cache: this.#ports.cache, name });
    const content = { layout, files, reading };
    this.#content = content;
    this.#metadata.know(asBuffer(bytes));
    this.#elsewhere = new PieceSet(layout.pieces);
    this.progress.totalBytes = layout.contentBytes;
    for (const peer of [...this.#crowd.peers.values()]) {
      if (peer.know(layout) !== null) peer.announceMetadata(bytes.length, this.#ports.port());
      else peer.close('malformed: pieces that the torrent has not');
    }
    this.stage = 'checking';
    this.#info.resolve(this.info);
    this.#onDisk = this.#check(content).catch((error) => this.#fail('disk', error));
  }

  async #check({ layout, files, reading }: Content): Promise<void> {
    const { folder, sources = [], isWhole = false } = this.#order;
    const { progress } = this;
    const goesOn = (): boolean => this.stage === 'checking';
    const have = await checkDisk({ layout, files, folder, isWhole, goesOn });
    for (let piece = 0; piece < layout.pieces; piece++)
      if (have.has(piece)) progress.keptBytes += layout.contentOf(piece);
    progress.haveBytes = progress.keptBytes;
    await takeFromSources({ layout, sources, have, goesOn }, async (piece, bytes) => {
      await files.write(piece, bytes);
      have.add(piece);
      reading.keep(piece, bytes);
      progress.reusedBytes += layout.contentOf(piece);
      progress.haveBytes += layout.contentOf(piece);
      this.#ports.meter.count('pieces-reused', 1);
    });
    if (goesOn()) await this.#work(have);
  }

  /** The disk has been looked at: from now on peers are asked and served. */
  async #work(have: PieceSet): Promise<void> {
    const content = this.#content;
    if (content === null) return;
    const { layout, files } = content;
    const { isFirst = false, isWhole = false, folder } = this.#order;
    const { clock, random } = this.#ports;
    const common = { layout, have, peers: this.#crowd.peers, nowMs: () => clock.nowMs(), random };
    const works: Works = {
      have,
      serving: new Serving(common, { isFirst: isFirst && have.isFull }),
      keeping: isWhole ? null : new Keeping({ files, folder, have, nowMs: clock.nowMs() }),
      fetching: have.isFull ? null : new Fetching({ ...common, ...this.#fetchingPorts(content) }),
    };
    this.#works = works;
    this.stage = 'fetching';
    for (const peer of [...this.#crowd.peers.values()]) {
      if (!works.serving.isHiding)
        for (let piece = 0; piece < layout.pieces; piece++) if (have.has(piece)) peer.sayHave(piece);
      this.#meet(peer);
    }
    if (have.isFull) await this.#finish(content, works);
  }

  #fetchingPorts({ files, reading }: Content) {
    const { downRate, meter, thirsty } = this.#ports;
    return {
      files,
      progress: this.progress,
      downRate,
      meter,
      thirsty,
      got: (piece: number, bytes: Buffer) => {
        reading.keep(piece, bytes);
        this.#news.got(piece);
        if (this.#works?.have.isFull !== true || this.#content === null) return;
        this.#onDisk = this.#finish(this.#content, this.#works).catch((error) => this.#fail('disk', error));
      },
      lied: (peer: number) => this.#lied(peer, 'it sent wrong bytes'),
      failed: (error: unknown) => this.#fail('disk', error),
    };
  }

  async #finish({ files }: Content, works: Works): Promise<void> {
    void works.fetching?.end();
    works.fetching = null;
    this.#news.tellAll();
    if (this.#order.isWhole !== true) await files.finish();
    if (this.stage !== 'fetching') return;
    this.stage = 'complete';
    this.#complete.resolve();
    for (const peer of [...this.#crowd.peers.values()]) this.#partIfWhole(peer);
    works.serving.lookSoon();
    await works.keeping?.save();
  }

  #lied(peer: number, why: string): void {
    this.#ports.log.warn(
      { torrent: this.info?.name, from: this.#crowd.peers.get(peer)?.host, why },
      'a peer is banned',
    );
    this.#works?.fetching?.distrust(peer);
    this.#crowd.ban(peer, why);
  }

  #greet(peer: SwarmPeer): void {
    const { peerId, port } = this.#ports;
    const metadataBytes = this.info?.bytes.length ?? null;
    peer.greet({ hash: this.hash, peerId, port: port(), metadataBytes });
  }

  #joined(peer: SwarmPeer): void {
    if (this.#content !== null) peer.know(this.#content.layout);
    if (this.#works === null) return;
    const { have, serving } = this.#works;
    if (have.count > 0 && !serving.isHiding) peer.sayAll(have);
    this.#meet(peer);
  }

  #meet(peer: SwarmPeer): void {
    this.#works?.serving.join(peer);
    this.#works?.fetching?.join(peer);
    for (const piece of peer.has?.list() ?? []) this.#seen(peer, piece);
    this.#partIfWhole(peer);
  }

  #seen(peer: SwarmPeer, piece: number): void {
    this.#works?.serving.announced(peer, piece);
    if (this.#elsewhere?.add(piece) && this.#elsewhere.isFull) this.#spread.resolve();
  }

  #partIfWhole(peer: SwarmPeer): void {
    if (this.stage === 'complete' && this.#works?.serving.isHiding === false && peer.has?.isFull)
      this.#crowd.part(peer);
  }

  #events(): PeerEvents {
    return {
      greeted() {},
      introduced: (peer, handshake) => this.#introduced(peer, handshake),
      extended: (peer, name, bytes) => this.#extended(peer, name, bytes),
      choking: (peer) => this.#works?.fetching?.choking(peer),
      interest: () => this.#works?.serving.lookSoon(),
      has: (peer, piece) => this.#has(peer, piece),
      isThere: (piece) => this.#works?.have.has(piece) ?? false,
      ready: (peer) => this.#ready(peer),
      sent: (_, bytes) => {
        this.progress.sentBytes += bytes;
        this.#ports.meter.count('content-out', bytes);
      },
      block: (peer, block, bytes) => this.#block(peer, block, bytes),
      gone: (peer) => this.#gone(peer),
    };
  }

  #introduced(peer: SwarmPeer, handshake: ExtendedHandshake): void {
    if (handshake.port !== null) this.#crowd.listensAt(peer, handshake.port);
    this.#metadata.introduced(peer, handshake);
  }

  #extended(peer: SwarmPeer, name: ExtensionName, bytes: Buffer): void {
    if (name === 'ut_metadata') this.#metadata.hear(peer, bytes);
    else this.#crowd.hear(peer, bytes);
  }

  #has(peer: SwarmPeer, piece: number | null): void {
    if (this.#content === null) return;
    const isNews = piece !== null && peer.has?.add(piece);
    const news = piece === null ? peer.know(this.#content.layout) : isNews ? [piece] : [];
    if (news === null) {
      peer.close('malformed: pieces that the torrent has not');
      return;
    }
    this.#works?.fetching?.gained(peer, news);
    for (const one of news) this.#seen(peer, one);
    this.#partIfWhole(peer);
  }

  #ready(peer: SwarmPeer): void {
    const reading = this.#content?.reading;
    if (reading === undefined) return;
    this.#ports.sending.ready(peer, {
      read: (upload) => reading.read(upload),
      failed: (error) => this.#fail('disk', error),
    });
  }

  #block(peer: SwarmPeer, block: Block, bytes: Buffer): void {
    const fetching = this.#works?.fetching;
    if (fetching) {
      fetching.block(peer, block, bytes);
      return;
    }
    this.progress.movedBytes += bytes.length;
    this.progress.wastedBytes += bytes.length;
    this.#ports.meter.count('content-in', bytes.length);
    this.#ports.meter.count('wasted', bytes.length);
    peer.useless(bytes.length);
  }

  #gone(peer: SwarmPeer): void {
    this.#crowd.gone(peer);
    this.#metadata.gone(peer);
    this.#works?.fetching?.left(peer);
    this.#works?.serving.gone(peer);
  }

  #tick(): void {
    const nowMs = this.#ports.clock.nowMs();
    this.#crowd.look(nowMs);
    this.#crowd.tell();
    this.#metadata.ask();
    this.#works?.fetching?.look(nowMs);
    this.#works?.serving.look();
    this.#works?.keeping?.look(nowMs).catch((error) => this.#fail('disk', error));
    this.#finding?.look(nowMs, { isWhole: this.stage === 'complete' });
    this.#dial();
  }

  #dial(): void {
    this.#crowd.dial({ isWhole: this.stage === 'complete' });
  }

  #fail(reason: SwarmFailure, cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause);
    const error = new SwarmError(reason, text, { cause });
    if (this.#ending !== null) return;
    this.failure = error;
    this.#ports.log.warn({ torrent: this.info?.name, folder: this.folder, error: text }, 'a torrent failed');
    void this.#end('failed', error);
  }

  #end(stage: 'failed' | 'removed', error: SwarmError): Promise<void> {
    this.#ending ??= this.#windUp(stage, error);
    return this.#ending;
  }

  async #windUp(stage: 'failed' | 'removed', error: SwarmError): Promise<void> {
    this.stage = stage;
    this.#stopTicking();
    this.#news.end();
    for (const settled of [this.#info, this.#complete, this.#spread]) settled.reject(error);
    const fetched = this.#works?.fetching?.end();
    this.#works?.serving.end();
    this.#crowd.close(error.message);
    await fetched;
    await this.#onDisk;
    await this.#content?.reading.end();
    await this.#works?.keeping
      ?.save()
      .catch((failure) => this.#ports.log.warn({ error: String(failure) }, 'pieces could not be kept'));
    await this.#content?.files.close();
  }
}
