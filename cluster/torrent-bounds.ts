// How much a torrent may hold. What is over these is refused before anything is written.

export interface TorrentBounds {
  /** Padding does not count. */
  filesMost: number;
  /** Padding counts. */
  bytesMost: number;
  /** Of the info dictionary. */
  infoMostBytes: number;
  pieceMostBytes: number;
}

export const torrentBounds: TorrentBounds = {
  filesMost: 100_000,
  bytesMost: 2 ** 40,
  infoMostBytes: 8 * 2 ** 20,
  pieceMostBytes: 16 * 2 ** 20,
};

/** Pieces are whole blocks: what is asked of a peer at once. */
export const blockBytes = 16 * 1024;
