// A hostile member and strangers at the real sockets of a wire server, while an honest link goes on. Without sockets: wire-frame-run.ts.
import { connect as connectPlain, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messagesTravel } from '../cluster/link-ends.ts';
import { ByHand, entry, nodeKey, WireEnds, type Witness } from '../cluster/wire-ends.ts';
import { until } from '../support/until.ts';
import { type Chance, chanceOf } from './chance.ts';
import { liveBytes } from './live-bytes.ts';
import { spoil } from './spoil.ts';
import { isConflict } from './wire-frame-run.ts';
import { hostileFrame, rightHello } from './wire-input.ts';

export interface SocketReport {
  frames: number;
  strangers: number;
  /** What became of the hostile links. */
  outcomes: Map<string, number>;
  /** Messages on the honest link. */
  exchanged: number;
  /** Reachable after the warm-up, and at the end. */
  liveBytes: { before: number; after: number };
}

const framesAtOnce = 4;
const warmUpShare = 0.4;

/** Rejects when the server fails, or when the honest link does. */
export async function fuzzSockets({ seed, frames }: { seed: number; frames: number }): Promise<SocketReport> {
  const chance = chanceOf(seed);
  const ends = new WireEnds();
  const outcomes = new Map<string, number>();
  const tally = (outcome: string): void => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  try {
    const server = await ends.server();
    const { witness } = await ends.dial(server, { key: nodeKey(3) });
    await until(() => server.witness.links.length === 1, { everyMs: 1 });
    const honest = { here: witness.link, there: server.witness.link };
    const { port } = server.server;
    const clientHello = await recordClientHello();
    const report = { frames: 0, strangers: 0, exchanged: 0, liveBytes: { before: 0, after: 0 } };
    while (report.frames < frames) {
      if (report.liveBytes.before === 0 && report.frames >= frames * warmUpShare) {
        await forget(server.witness, witness);
        report.liveBytes.before = await liveBytes();
      }
      const hand = new ByHand(port);
      await hand.opened;
      await hand.introduce();
      for (let count = 0; count < framesAtOnce; count++) sendHostile(hand, chance);
      report.frames += framesAtOnce;
      // Should all of them have been taken, this is not.
      hand.socket.ping();
      tally(`a member closed with ${(await hand.closed).code}`);
      await hand.leave();
      if (chance.hits(0.5)) {
        tally(await annoy(port, chance, clientHello));
        report.strangers++;
      }
      const before = { control: witness.control.length, data: server.witness.data.length };
      honest.there.control({ kind: 'ping', id: report.frames });
      honest.here.post(entry(report.frames));
      await until(() => witness.control.length > before.control && server.witness.data.length > before.data, {
        everyMs: 0,
        what: 'an honest message',
      });
      report.exchanged += 2;
    }
    await until(() => server.server.links.size === 1, { everyMs: 1 });
    const errors = server.witness.said.filter(
      ({ level, fields }) => level === 'error' && !isConflict(fields),
    );
    if (errors.length > 0) throw new Error(JSON.stringify(errors[0]));
    const isHarmed = !honest.here.isOpen || !honest.there.isOpen || witness.endings.length > 0;
    if (isHarmed) throw new Error(`seed ${seed}: the honest link is gone`);
    await forget(server.witness, witness);
    report.liveBytes.after = await liveBytes();
    return { ...report, outcomes };
  } finally {
    await ends.close();
  }
}

/** What the test itself remembers. */
async function forget(...witnesses: Witness[]): Promise<void> {
  for (const { links, data, control, order, endings, said } of witnesses)
    for (const list of [links, data, control, order, endings, said]) list.length = 0;
  // A closed connection is let go of over some turns.
  await messagesTravel();
}

function sendHostile(hand: ByHand, chance: Chance): void {
  if (hand.socket.readyState !== hand.socket.OPEN) return;
  const frame = hostileFrame(chance);
  switch (chance.below(12)) {
    case 0:
      hand.socket.send(frame.toString(), { binary: false });
      return;
    case 1:
      hand.connection.write(frame);
      return;
    case 2:
      hand.connection.write(spoil(Buffer.from([0x82, 0x80 | 4, 0, 0, 0, 0, 1, 2, 3, 4]), chance, 3));
      return;
    case 3:
      for (let part = 1 + chance.below(20); part > 0; part--) hand.socket.send(frame, { fin: part === 1 });
      return;
    case 4:
      hand.socket.send(Buffer.alloc(1024 * 1024 + chance.below(100) - 50, 0x91));
      return;
    default:
      hand.socket.send(frame);
  }
}

/** Somebody without any right to be there. */
async function annoy(port: number, chance: Chance, clientHello: Buffer): Promise<string> {
  switch (chance.below(5)) {
    case 0:
      await throwBytes(port, chance.bytes(1 + chance.below(500)));
      return 'a stranger with bytes';
    case 1:
      await throwBytes(port, spoil(clientHello, chance, 6));
      return 'a stranger with half a handshake';
    case 2: {
      const hand = new ByHand(port);
      await hand.opened;
      hand.socket.send(hostileFrame(chance, rightHello));
      hand.socket.ping();
      const { code } = await hand.closed;
      await hand.leave();
      return `a stranger with a hello closed with ${code}`;
    }
    case 3: {
      const hand = new ByHand(port);
      await hand.opened;
      await hand.leave();
      return 'a stranger that leaves';
    }
    default:
      await throwAtTls(port, spoil(Buffer.from(upgradeRequest), chance, 8));
      return 'a stranger with half a request';
  }
}

const upgradeRequest =
  'GET /wire HTTP/1.1\r\nHost: wire\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

function throwBytes(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectPlain(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => resolve());
  });
}

function throwAtTls(port: number, bytes: Buffer): Promise<void> {
  const { key, cert } = nodeKey(2);
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', key, cert, rejectUnauthorized: false }, () =>
      socket.end(bytes),
    );
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => resolve());
  });
}

/** What a TLS client says first. */
async function recordClientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const listener = createServer((socket) => {
      socket.once('data', (chunk) => {
        socket.destroy();
        listener.close();
        resolve(chunk);
      });
    });
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {});
    });
  });
}
