// Why something is no torrent that this program takes.

export type TorrentFlaw =
  /** Not bencode, not text, or without what a torrent must have. */
  | 'malformed'
  /** Made by later rules only (BEP 52). */
  | 'unsupported'
  /** A path that could lead out of the folder, or that some system cannot hold. */
  | 'path'
  /** Two files of one path, or of paths that differ in case only, or a file below a file. */
  | 'doubled-path'
  /** A link or a special file. */
  | 'link'
  | 'too-many-files'
  | 'too-many-bytes'
  /** The pieces do not fit the files. */
  | 'sizes'
  /** The bytes are not those that the hash is of. */
  | 'hash'
  | 'empty'
  /** A file changed while it was read. */
  | 'changed';

export class TorrentError extends Error {
  override name = 'TorrentError';
  flaw: TorrentFlaw;
  constructor(flaw: TorrentFlaw, message: string, options?: ErrorOptions) {
    super(message, options);
    this.flaw = flaw;
  }
}
