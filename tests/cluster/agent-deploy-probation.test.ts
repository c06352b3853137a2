// Whether a release does well: what is wrong is said, what was wrong before it came is not.
import { describe, expect, it } from 'vitest';
import { boundsOfWave, Probation } from '../../cluster/agent-deploy-probation.ts';

const well = { asked: 1000, failed: 400, crashed: 9, lagMs: 20 };

describe('Probation', () => {
  it('does not count what failed before it began', () => {
    const probation = new Probation(boundsOfWave(2));
    expect(probation.look(well, 0)).toBeNull();
    expect(probation.look({ ...well, asked: 2000 }, 1000)).toBeNull();
  });

  it('finds requests that fail, more easily in the first wave', () => {
    const later = { ...well, asked: well.asked + 1000, failed: well.failed + 40 };
    const first = new Probation(boundsOfWave(1));
    first.look(well, 0);
    expect(first.look(later, 1000)).toBe('40 of 1000 requests failed');
    const second = new Probation(boundsOfWave(2));
    second.look(well, 0);
    expect(second.look(later, 1000)).toBeNull();
  });

  it('makes nothing of a share of few', () => {
    const probation = new Probation(boundsOfWave(1));
    probation.look(well, 0);
    expect(probation.look({ ...well, asked: well.asked + 10, failed: well.failed + 10 }, 1000)).toBeNull();
  });

  it('allows for chance where few are asked', () => {
    const probation = new Probation(boundsOfWave(1));
    probation.look(well, 0);
    expect(probation.look({ ...well, asked: well.asked + 171, failed: well.failed + 8 }, 1000)).toBeNull();
    expect(probation.look({ ...well, asked: well.asked + 171, failed: well.failed + 9 }, 2000)).toBe(
      '9 of 171 requests failed',
    );
  });

  it('finds actors that fail, over several lives of the core', () => {
    const probation = new Probation(boundsOfWave(1));
    probation.look(well, 0);
    expect(probation.look({ ...well, crashed: 11 }, 1000)).toBeNull();
    expect(probation.look({ asked: 5, failed: 0, crashed: 0, lagMs: 0 }, 2000)).toBeNull();
    expect(probation.look({ asked: 9, failed: 0, crashed: 1, lagMs: 0 }, 3000)).toBe('3 actors failed');
  });

  it('forgives a lag that passes', () => {
    const probation = new Probation(boundsOfWave(1));
    expect(probation.look({ ...well, lagMs: 30_000 }, 0)).toBeNull();
    expect(probation.look(well, 4000)).toBeNull();
    expect(probation.look({ ...well, lagMs: 30_000 }, 5000)).toBeNull();
    expect(probation.look({ ...well, lagMs: 35_000 }, 10_000)).toBe('its timelines are 35 s behind');
  });

  it('says nothing of a core that says nothing', () => {
    expect(new Probation(boundsOfWave(1)).look(null, 0)).toBeNull();
  });

  it('takes one crash of a program for an accident, and two for a fault', () => {
    const probation = new Probation(boundsOfWave(1));
    expect(probation.ended('core', 1)).toBeNull();
    expect(probation.ended('core', 2)).toBe('the core ended 2 times within a minute');
  });
});
