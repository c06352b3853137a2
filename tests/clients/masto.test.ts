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

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
}, 120_000);

afterAll(() => scene?.close());

describe('masto logs in', () => loginFlow(() => scene));
describe('masto keeps a profile', () => profileFlow(() => scene));
describe('masto posts', () => postingFlow(() => scene));
describe('masto pages through timelines', () => timelineFlow(() => scene));
describe('masto deals with people', () => peopleFlow(() => scene));
describe('masto marks posts', () => markFlow(() => scene));
describe('masto reads notifications', () => notificationFlow(() => scene));
describe('masto searches', () => searchFlow(() => scene));
describe('masto listens', () => streamingFlow(() => scene));
