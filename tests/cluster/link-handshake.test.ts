// Who is let onto a link, and who is not.
import { createConnection } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { newLinkKey, writeLinkFile } from '../../cluster/link-file.ts';
import { packFrame } from '../../cluster/link-frame.ts';
import { challenge, closeCode, introduction, welcome } from '../../cluster/link-messages.ts';
import { newNonce, proofOf } from '../../cluster/link-proof.ts';
import { until } from '../support/until.ts';
import { decoded, Ends, ManualClock, messagesTravel, nothingDone, Visitor } from './link-ends.ts';

const ends = new Ends();
beforeEach(() => ends.open());
afterEach(() => ends.close());

describe('a core', () => {
  test('lets a gateway in that knows the key of core.link', async () => {
    const core = await ends.core();
    const gateway = await ends.gateway({ name: 'gateway-7' }).isUp();

    expect(core.peers.map(({ name, role }) => ({ name, role }))).toEqual([
      { name: 'gateway-7', role: 'gateway' },
    ]);
    expect(gateway.kinds()).toEqual(['up']);
    expect(core.meter.of('links-opened')).toBe(1);
    expect(core.meter.of('handshakes-refused')).toBe(0);
  });

  test('refuses a wrong key, says so in its log, and counts it', async () => {
    const core = await ends.core();
    const visitor = await ends.visitor(core, { key: newLinkKey() });

    expect(await visitor.closed).toMatchObject({ code: closeCode.refused });
    expect(core.said).toContainEqual({
      text: 'a link was refused',
      fields: { reason: 'the proof is wrong: another key, or a replay' },
    });
    expect(core.meter.of('handshakes-refused')).toBe(1);
    expect(core.peers).toEqual([]);
  });

  test('refuses an introduction that was heard on another link', async () => {
    const core = await ends.core();
    const honest = await ends.visitor(core);
    expect(core.peers).toHaveLength(1);

    const thief = new Visitor(core.server.port);
    await thief.frame(0);
    thief.socket.send(honest.introduction ?? new Uint8Array());

    expect(await thief.closed).toMatchObject({ code: closeCode.refused });
    expect(core.meter.of('handshakes-refused')).toBe(1);
    expect(core.peers).toHaveLength(1);
  });

  test.each([
    ['name', { name: 'gateway-2' }],
    ['role', { role: 'operator' as const }],
    ['versions', { protocolTo: 2 }],
  ])('refuses an introduction whose %s is not what was proved', async (_what, forged) => {
    const core = await ends.core();
    const visitor = new Visitor(core.server.port);
    const asked = challenge.decode(decoded(await visitor.frame(0)));
    const introduced = {
      protocolFrom: 1,
      protocolTo: 1,
      role: 'gateway' as const,
      name: 'gateway-1',
      nonce: newNonce(),
    };
    const proof = proofOf('visitor', core.key, asked, introduced);
    visitor.socket.send(packFrame(introduction.encode({ ...introduced, proof, ...forged })));

    expect(await visitor.closed).toMatchObject({ code: closeCode.refused });
    expect(core.peers).toEqual([]);
  });

  test('processes nothing of a visitor that has not proved itself', async () => {
    const kinds: string[] = [];
    const core = await ends.core({
      handle: (kind) => {
        kinds.push(kind);
        return { outcome: { ok: true, value: {} } };
      },
    });
    const call = [1, 'instance', [], null];
    const eager = new Visitor(core.server.port);
    await eager.frame(0);
    eager.send(call);
    expect(await eager.closed).toMatchObject({ code: closeCode.refused });

    const liar = new Visitor(core.server.port);
    const asked = challenge.decode(decoded(await liar.frame(0)));
    const introduced = {
      protocolFrom: 1,
      protocolTo: 1,
      role: 'gateway' as const,
      name: 'liar',
      nonce: newNonce(),
    };
    const proof = proofOf('visitor', newLinkKey(), asked, introduced);
    liar.socket.send(packFrame(introduction.encode({ ...introduced, proof })));
    liar.send(call);
    expect(await liar.closed).toMatchObject({ code: closeCode.refused });
    expect(kinds).toEqual([]);
  });

  test('names the protocol versions of both when they have none in common', async () => {
    const core = await ends.core();
    const visitor = new Visitor(core.server.port);
    const asked = challenge.decode(decoded(await visitor.frame(0)));
    const introduced = {
      protocolFrom: 8,
      protocolTo: 9,
      role: 'gateway' as const,
      name: 'new',
      nonce: newNonce(),
    };
    const proof = proofOf('visitor', core.key, asked, introduced);
    visitor.socket.send(packFrame(introduction.encode({ ...introduced, proof })));

    expect(await visitor.closed).toEqual({
      code: closeCode.version,
      reason: 'it speaks protocols 8 to 9, this core 1 to 3',
    });
  });

  test('waits 5 s for an introduction, no longer', async () => {
    const clock = new ManualClock();
    const core = await ends.core({ clock });
    const visitor = new Visitor(core.server.port);
    await visitor.frame(0);

    await clock.advance(4900);
    expect(visitor.isClosed).toBe(false);
    await clock.advance(200);
    expect(await visitor.closed).toMatchObject({ code: closeCode.refused });
    expect(core.meter.of('handshakes-timed-out')).toBe(1);
  });

  test('holds 32 strangers at most, and takes the next when one has left', async () => {
    const core = await ends.core();
    const strangers = Array.from({ length: 32 }, () => new Visitor(core.server.port));
    await Promise.all(strangers.map((stranger) => stranger.frame(0)));

    const refused = new Visitor(core.server.port);
    await refused.closed;
    expect(refused.frames).toEqual([]);
    expect(core.meter.of('strangers-refused')).toBe(1);

    await strangers[0]?.leave();
    await until(async () => {
      const next = new Visitor(core.server.port);
      await Promise.race([next.frame(0), next.closed]);
      await next.leave();
      return next.frames.length === 1;
    });
    await Promise.all(strangers.map((stranger) => stranger.leave()));
  });

  test('reads no more than 16 KiB of a stranger', async () => {
    const core = await ends.core();
    const visitor = new Visitor(core.server.port);
    await visitor.frame(0);
    visitor.socket.send(Buffer.alloc(100_000), { fin: false });

    await visitor.closed;
    expect(core.said.map(({ fields }) => fields)).toContainEqual({
      reason: 'more than 16384 bytes before an introduction',
    });
  });

  test('has nothing to say to web pages and to other paths', async () => {
    const core = await ends.core();
    const page = new Visitor(core.server.port, { Origin: 'http://127.0.0.1' });
    await page.closed;
    expect(page.frames).toEqual([]);
    const answered = await fetch(`http://127.0.0.1:${core.server.port}/link`);
    expect(answered.status).toBe(404);
    expect(core.meter.of('handshakes-refused')).toBe(1);
  });

  test('is not harmed by bytes that are no HTTP', async () => {
    const core = await ends.core();
    const socket = createConnection(core.server.port, '127.0.0.1');
    socket.write('\x16\x03\x01\x00\xff nonsense\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve).resume());
    await ends.gateway().isUp();
  });
});

describe('a gateway', () => {
  async function impostor(
    answer: (frame: Uint8Array, asked: Uint8Array) => Uint8Array | null,
  ): Promise<Uint8Array> {
    const key = newLinkKey();
    const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    ends.onClose(
      () =>
        new Promise((resolve) => {
          for (const socket of sockets.clients) socket.terminate();
          sockets.close(resolve);
        }),
    );
    await new Promise((resolve) => sockets.once('listening', resolve));
    sockets.on('connection', (socket) => {
      const asked = packFrame(challenge.encode({ protocolFrom: 1, protocolTo: 1, nonce: newNonce() }));
      socket.on('message', (data) => {
        const frame = Buffer.isBuffer(data) ? answer(data, asked) : null;
        if (frame !== null) socket.send(frame);
      });
      socket.send(asked);
    });
    const address = sockets.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await writeLinkFile(ends.linkFile, { port, key, pid: 1, incarnation: 'impostor' });
    return key;
  }

  test('does not believe a core that does not know the key', async () => {
    await impostor((frame, asked) => {
      const introduced = introduction.decode(decoded(frame));
      const proof = proofOf('core', newLinkKey(), challenge.decode(decoded(asked)), introduced);
      return packFrame(welcome.encode({ protocol: 1, proof }));
    });
    const gateway = ends.gateway();
    await until(() => gateway.meter.of('handshakes-refused') > 1);
    expect(gateway.kinds()).toEqual([]);
    expect(gateway.client.isUp).toBe(false);
  });

  test('does not believe its own proof sent back', async () => {
    await impostor((frame) =>
      packFrame(welcome.encode({ protocol: 1, proof: introduction.decode(decoded(frame)).proof })),
    );
    const gateway = ends.gateway();
    await until(() => gateway.meter.of('handshakes-refused') > 0);
    expect(gateway.kinds()).toEqual([]);
  });

  test('says which versions differ when the core is of another time', async () => {
    const core = await ends.core();
    await core.server.close();
    const sockets = new WebSocketServer({ host: '127.0.0.1', port: core.server.port });
    ends.onClose(
      () =>
        new Promise((resolve) => {
          for (const socket of sockets.clients) socket.terminate();
          sockets.close(resolve);
        }),
    );
    sockets.on('connection', (socket) => {
      socket.send(packFrame(challenge.encode({ protocolFrom: 7, protocolTo: 9, nonce: newNonce() })));
    });
    const gateway = ends.gateway();
    await until(() =>
      gateway.said.some(({ fields }) =>
        JSON.stringify(fields).includes('the core speaks protocols 7 to 9, this program 1 to 3'),
      ),
    );
    expect(gateway.client.isUp).toBe(false);
  });
});

test('two with the same name are two peers', async () => {
  const core = await ends.core({ handle: nothingDone });
  await ends.gateway().isUp();
  await ends.gateway().isUp();
  await messagesTravel();
  expect(core.server.peers.size).toBe(2);
});
