// megalodon, unmodified, through everything people do with it; then a client of our own that resumes. One server; the flows are in megalodon/.
import { afterAll, beforeAll, describe } from 'vitest';
import { loginFlow } from './megalodon/login.ts';
import { postingFlow } from './megalodon/posting.ts';
import { readingFlow } from './megalodon/reading.ts';
import { streamingFlow } from './megalodon/streaming.ts';
import { resumeFlow } from './resume.ts';
import { openScene, type Scene } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
}, 120_000);

afterAll(() => scene?.close());

describe('megalodon logs in', () => loginFlow(() => scene));
describe('megalodon posts', () => postingFlow(() => scene));
describe('megalodon reads', () => readingFlow(() => scene));
describe('megalodon listens', () => streamingFlow(() => scene));
describe('a client that keeps the cursor', () => resumeFlow(() => scene));
