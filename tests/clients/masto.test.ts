// masto.js, unmodified, through everything people do with it. One server for all of it; the flows are in masto/.
import { afterAll, beforeAll, describe } from 'vitest';
import { loginFlow } from './masto/login.ts';
import { markFlow } from './masto/marks.ts';
import { notificationFlow } from './masto/notifications.ts';
import { peopleFlow } from './masto/people.ts';
import { postingFlow } from './masto/posting.ts';
import { profileFlow } from './masto/profile.ts';
import { searchFlow } from './masto/search.ts';
import { streamingFlow } from './masto/streaming.ts';
import { timelineFlow } from './masto/timelines.ts';
import { openScene, type Scene } from './scene.ts';

/** Most of it is waiting for programs that share few processors with other tests. */
const slowly = { timeout: 120_000 };
let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
}, 120_000);

afterAll(() => scene?.close());

describe('masto logs in', slowly, () => loginFlow(() => scene));
describe('masto keeps a profile', slowly, () => profileFlow(() => scene));
describe('masto posts', slowly, () => postingFlow(() => scene));
describe('masto pages through timelines', slowly, () => timelineFlow(() => scene));
describe('masto deals with people', slowly, () => peopleFlow(() => scene));
describe('masto marks posts', slowly, () => markFlow(() => scene));
describe('masto reads notifications', slowly, () => notificationFlow(() => scene));
describe('masto searches', slowly, () => searchFlow(() => scene));
describe('masto listens', slowly, () => streamingFlow(() => scene));
