// megalodon, unmodified, through everything people do with it; then a client of our own that resumes. One server; the flows are in megalodon/.
import { afterAll, beforeAll, describe } from 'vitest';
import { loginFlow } from './megalodon/login.ts';
import { postingFlow } from './megalodon/posting.ts';
import { readingFlow } from './megalodon/reading.ts';
import { streamingFlow } from './megalodon/streaming.ts';
import { resumeFlow } from './resume.ts';
import { openScene, type Scene } from './scene.ts';

/** Most of it is waiting for programs that share few processors with other tests. */
const slowly = { timeout: 120_000 };
let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
}, 120_000);

afterAll(() => scene?.close());

describe('megalodon logs in', slowly, () => loginFlow(() => scene));
describe('megalodon posts', slowly, () => postingFlow(() => scene));
describe('megalodon reads', slowly, () => readingFlow(() => scene));
describe('megalodon listens', slowly, () => streamingFlow(() => scene));
describe('a client that keeps the cursor', slowly, () => resumeFlow(() => scene));
