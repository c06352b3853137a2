// Who knows no key of the cluster gets no link to a machine, whatever it was that it heard. Over real TLS.
import { request as plainRequest } from 'node:http';
import { connect as connectPlain, createServer as createPlainServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { closeCodeOf } from '../../cluster/wire-close.ts';
import { packWire } from '../../cluster/wire-frame.ts';
import { wireHello } from '../../cluster/wire-hello.ts';
import { until } from '../support/until.ts';
import { entry, foreignKey, goesOn, members, nodeKey, WireEnds } from './wire-ends.ts';

const ends = new WireEnds();
afterEach(() => ends.close());

describe('a stranger gets nowhere', () => {
  test('without TLS', async () => {
    const server = await ends.server();
    const status = await new Promise((resolve) => {
      const asked = plainRequest({ port: server.server.port, host: '127.0.0.1', path: '/wire' }, (response) =>
        resolve(response.statusCode),
      );
      asked.on('error', () => resolve('refused'));
      asked.end();
    });
    expect(status).toBe('refused');
    const plain = connectPlain(server.server.port, '127.0.0.1');
    plain.on('error', () => {});
    plain.resume();
    plain.write('SSH-2.0-OpenSSH_9.6\r\n');
    await new Promise((resolve) => plain.once('close', resolve));
    expect(server.witness.of('strangers-failed')).toBe(2);
    await goesOn(ends, server);
  });

  test('with TLS 1.2', async () => {
    const server = await ends.server();
    const { key, cert } = nodeKey(2);
    const error = await new Promise<Error>((resolve, reject) => {
      const old = connectTls(
        {
          port: server.server.port,
          host: '127.0.0.1',
          maxVersion: 'TLSv1.2',
          minVersion: 'TLSv1.2',
          key,
          cert,
          rejectUnauthorized: false,
        },
        () => reject(new Error('connected')),
      );
      old.once('error', resolve);
    });
    expect(error.message).toMatch(/protocol version|alert/);
    expect(server.witness.of('strangers-failed')).toBe(1);
    await goesOn(ends, server);
  });

  test.each([
    ['without a certificate', { key: null }],
    ['with a key of another kind', { key: foreignKey('P-256') }],
    ['on another path', { path: '/link' }],
    ['from a page in a browser', { headers: { Origin: 'https://example.com' } }],
  ])('%s', async (_how, options) => {
    const server = await ends.server();
    const hand = await ends.byHand(server.server.port, options);
    await until(() => hand.isClosed);
    expect(hand.status).toBe(403);
    expect(server.witness.of('strangers-failed')).toBe(1);
    expect(server.witness.said).toContainEqual(
      expect.objectContaining({ level: 'info', text: 'a connection is no link' }),
    );
    await goesOn(ends, server);
  });

  test('with the resumed session of a connection that was proved', async () => {
    const server = await ends.server();
    const proved = await ends.byHand(server.server.port);
    const session = await new Promise<Buffer>((resolve) => {
      const earlier = proved.connection.getSession();
      if (earlier === undefined) proved.connection.once('session', resolve);
      else resolve(earlier);
    });
    const resumed = await ends.byHand(server.server.port, { key: null, session });
    expect(resumed.isResumed).toBe(true);
    await until(() => resumed.isClosed);
    expect(resumed.status).toBe(403);
    await goesOn(ends, server);
  });

  test('with the hello of a member and a key of its own', async () => {
    const server = await ends.server({ admits: members(2, 9) });
    const honest = await ends.dial(server);
    const heard = server.witness.link.peer.hello;
    expect(honest.outcome.kind).toBe('opened');
    const thief = await ends.byHand(server.server.port, { key: nodeKey(3) });
    thief.socket.send(packWire('hello', wireHello.encode(heard)));
    expect(await thief.closed).toMatchObject({ code: closeCodeOf('unknown-key') });
    await goesOn(ends, server);
  });

  test('with what was recorded of another connection, byte by byte', async () => {
    const server = await ends.server({ admits: members(2, 9) });
    const recorded: Buffer[] = [];
    const between = createPlainServer((visitor) => {
      const onward = connectPlain(server.server.port, '127.0.0.1');
      visitor.on('data', (chunk) => {
        recorded.push(chunk);
        onward.write(chunk);
      });
      onward.pipe(visitor);
      visitor.on('error', () => {});
      onward.on('error', () => {});
      visitor.on('close', () => onward.destroy());
    });
    await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
    ends.onClose(() => between.close());
    const address = between.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const { witness, outcome } = await ends.dial(server, { port });
    expect(outcome.kind).toBe('opened');
    witness.link.post(entry(1));
    await until(() => server.witness.data.length === 1, { everyMs: 1 });

    const replay = connectPlain(server.server.port, '127.0.0.1');
    replay.on('error', () => {});
    replay.resume();
    for (const chunk of recorded) replay.write(chunk);
    await new Promise((resolve) => replay.once('close', resolve));
    await until(() => server.witness.of('strangers-failed') === 1, { everyMs: 1 });
    expect(server.witness.links).toHaveLength(1);
    expect(server.witness.data).toHaveLength(1);
    await goesOn(ends, server);
  });
});
