// What is said when a torrent fails under way.
import { describe, expect, test } from 'vitest';
import { bytesText, Speedometer } from '../../cluster/command-bundle-showing.ts';
import { swarmFault } from '../../cluster/command-bundle-watch.ts';
import { SwarmError } from '../../cluster/swarm-order.ts';
import { TorrentError } from '../../cluster/torrent-error.ts';

const systemError = (code: string): Error => Object.assign(new Error(`${code}: planted`), { code });
const said = (error: SwarmError): string => swarmFault(error, '/to').message;

describe('a fault', () => {
  test('of the disk says whether it is full', () => {
    for (const code of ['ENOSPC', 'EDQUOT'])
      expect(said(new SwarmError('disk', 'x', { cause: systemError(code) }))).toBe(
        'The disk of /to is full. Make room and run it again: it goes on where it was.',
      );
    expect(said(new SwarmError('disk', 'x', { cause: systemError('EIO') }))).toBe(
      '/to cannot be written or read: EIO: planted.',
    );
  });

  test('of the torrent says what is wrong with it', () => {
    const cause = new TorrentError('path', 'the name ".."');
    expect(said(new SwarmError('refused', 'x', { cause }))).toBe(
      'What the link names is not taken: the name "..". Nothing was written.',
    );
  });
});

test('bytes are shown as people read them', () => {
  expect([0, 1023, 1024, 1536, 20 * 2 ** 20, 2 ** 40, 2 ** 50].map(bytesText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '1.5 KiB',
    '20.0 MiB',
    '1.0 TiB',
    '1024.0 TiB',
  ]);
});

test('speed is that of the last few seconds', () => {
  const speed = new Speedometer();
  expect(speed.read(0, 0)).toBe(0);
  expect(speed.read(1000, 1000)).toBe(1000);
  expect(speed.read(2000, 2000)).toBe(1000);
  for (let seconds = 3; seconds <= 10; seconds++) speed.read(2000, seconds * 1000);
  expect(speed.read(2000, 11_000)).toBe(0);
});
