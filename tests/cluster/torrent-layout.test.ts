// Where pieces lie in files: every byte once, in order.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readInfo, type TorrentFile, writeInfo } from '../../cluster/torrent-info.ts';
import { TorrentLayout } from '../../cluster/torrent-layout.ts';

const pieceLength = 32_768;

function layoutOf(files: readonly { length: number; isPad: boolean }[]): TorrentLayout {
  const named: TorrentFile[] = files.map((file, at) => ({ ...file, path: [`f${at}`], isExecutable: false }));
  const total = files.reduce((sum, { length }) => sum + length, 0);
  const pieces = Buffer.alloc(Math.ceil(total / pieceLength) * 20);
  return new TorrentLayout(readInfo(writeInfo({ name: 'n', pieceLength, pieces, files: named })));
}

const files = fc
  .array(fc.record({ length: fc.nat(100_000), isPad: fc.boolean() }), { minLength: 1, maxLength: 12 })
  .filter((list) => list.some(({ length }) => length > 0));

test('the spans of all pieces are all files, byte for byte in order', () => {
  fc.assert(
    fc.property(files, (list) => {
      const layout = layoutOf(list);
      const seen = list.map(() => 0);
      for (let piece = 0; piece < layout.pieces; piece++) {
        let at = 0;
        for (const span of layout.spans(piece)) {
          expect(span.offset).toBe(at);
          expect(span.fileOffset).toBe(seen[span.file]);
          expect(span.isPad).toBe(list[span.file]?.isPad);
          seen[span.file] = span.fileOffset + span.length;
          at += span.length;
        }
        expect(at).toBe(layout.pieceBytes(piece));
      }
      expect(seen).toEqual(list.map(({ length }) => length));
    }),
  );
});

test('blocks cover each piece, and one is padding only when no file has a byte of it', () => {
  fc.assert(
    fc.property(files, (list) => {
      const layout = layoutOf(list);
      let content = 0;
      for (let piece = 0; piece < layout.pieces; piece++) {
        let bytes = 0;
        for (let block = 0; block < layout.blocks(piece); block++) {
          const length = layout.blockLength(piece, block);
          const inFiles = layout
            .spans(piece, bytes, length)
            .reduce((sum, span) => (span.isPad ? sum : sum + span.length), 0);
          expect(layout.isPadding(piece, block)).toBe(inFiles === 0);
          bytes += length;
        }
        expect(bytes).toBe(layout.pieceBytes(piece));
        content += layout.contentOf(piece);
      }
      expect(content).toBe(layout.contentBytes);
    }),
  );
});
