// What a store tells of itself, for metrics and status.

export interface StoreStatistics {
  /** Log position of the last committed entry. */
  position: number;
  /** Entries that the search index has not taken in yet. */
  searchBehind: number;
  logBytes: number;
  /** Copies of other nodes' logs. */
  copiesBytes: number;
  fileBytes: number;
  bytesInFlight: number;
  entriesInFlight: number;
  rows: number;
  rowHits: number;
  rowMisses: number;
  idAuthors: number;
  idHits: number;
  idMisses: number;
  freePercent: number;
  readOnly: boolean;
  faulted: boolean;
}
