// The fault of a release build: expected when the source is not fit, and fit to be shown to the one who builds.

/** The source cannot become a release. The message says which file and what to do. */
export class ReleaseBuildError extends Error {
  override name = 'ReleaseBuildError';
}
