// Clients as Debian packages them: toot on the command line, and Mastodon.py, which streams by server-sent events. The flows are in debian/.
import { afterAll, beforeAll, describe } from 'vitest';
import { mastodonPyFlow } from './debian/mastodon-py.ts';
import { tootFlow } from './debian/toot.ts';
import { openScene, type Scene } from './scene.ts';

/** Most of it is waiting for programs that share few processors with other tests. */
const slowly = { timeout: 120_000 };
let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
}, 120_000);

afterAll(() => scene?.close());

describe('toot', slowly, () => tootFlow(() => scene));
describe('Mastodon.py', slowly, () => mastodonPyFlow(() => scene));
