import { writeFile, mkdtemp } from 'node:fs/promises';
import { z } from 'zod';
import { startPeer } from './peers/peer.ts';
import { startRedis } from './peers/redis.ts';
import { prepareLoad, writeRequests } from './load/requests.ts';
import { httpFaults } from './load/reports.ts';
import { seeded, zipfDraws } from './random.ts';
const users = 5000;
const folder = await mkdtemp('/tmp/try-');
const random = seeded(1);
const statuses = Array.from({ length: 25000 }, (_, i) => JSON.stringify({ id: String(1e15 + i), content: 'é<p>"hi"</p>', account: { id: '5', note: 'n'.repeat(1600) } }));
const bodies = Array.from({ length: users }, () => '[' + Array.from({ length: 20 }, () => statuses[random.below(25000)]).join(',') + ']');
let end = 0n; const ends = Buffer.alloc(users * 8);
bodies.forEach((b, i) => { end += BigInt(Buffer.byteLength(b)); ends.writeBigUInt64LE(end, i * 8); });
await writeFile(folder + '/homes', bodies.join('')); await writeFile(folder + '/homes.ends', ends);
await writeFile(folder + '/tokens', Array.from({ length: users }, (_, i) => `tok${i}\n`).join(''));
const redis = await startRedis(18102, folder);
const peer = await startPeer('peers/fastify-redis.ts', { port: 18101, redisPort: 18102, tokensPath: folder + '/tokens', bodiesPath: folder + '/homes' });
console.log(await peer.ask({ kind: 'load' }, z.any(), 60000));
const req = await writeRequests(folder + '/reads', Array.from({ length: users }, (_, u) => ({ method: 'GET' as const, path: '/api/v1/timelines/home?limit=20', token: `tok${u}`, key: u })));
for (let i = 0; i < 3; i++) {
  const load = await prepareLoad({ name: 'r', target: '127.0.0.1:18101', connections: 64, requests: req, picks: zipfDraws(users, 100000, random), bodiesPath: folder + '/homes', pace: { mode: 'closed', seconds: 5 }, folder });
  const r = await load.run();
  console.log(r.inTime / r.seconds, r.latency.p50Us, r.latency.p99Us, httpFaults(r), r.bodyBytes / r.completed);
}
await peer.stop(); await redis.stop(); process.exit();
