// Hostile frames in a process of their own: what it holds is then theirs alone. Says what came of them, and ends.
import { fuzzFrames } from './wire-frame-run.ts';
import { fuzzSockets } from './wire-socket-run.ts';

const [seed = 0, frames = 0, bySockets = 0] = process.argv.slice(2).map(Number);
const links = await fuzzFrames({ seed, frames: frames - bySockets });
const sockets = await fuzzSockets({ seed, frames: bySockets });
process.send?.({ links, sockets }, () => process.disconnect());
