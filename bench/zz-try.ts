import { mkdtemp } from 'node:fs/promises';
import { z } from 'zod';
import { startPeer } from './peers/peer.ts';
import { readPuts } from './put-stream.ts';
const folder = await mkdtemp('/tmp/try-');
const core = await startPeer('post-core.ts', { authors: 1000, seed: 1 });
const peer = await startPeer('peers/bare-lmdb.ts', {});
console.log(await core.ask({ kind: 'round', folder: folder + '/c', seconds: 4, putsPath: folder + '/puts' }, z.any(), 60000));
const p = readPuts(folder + '/puts'); const per: Record<string, number> = {};
for (let i = 0; i < p.length; i++) { const t = p.tables[p.table(i)]!; per[t] = (per[t] ?? 0) + 1 / p.posts; } console.log(p.posts, per);
for (let i = 0; i < 2; i++) {
console.log(await core.ask({ kind: 'round', folder: folder + '/c' + i, seconds: 4 }, z.any(), 60000));
console.log(await peer.ask({ kind: 'round', folder: folder + '/l' + i, putsPath: folder + '/puts', callers: 1000, seconds: 4 }, z.any(), 60000)); }
await peer.stop(); await core.stop(); process.exit();
