// `npm run build`: builds release/ of this checkout and prints what is in it. The work is release-build.ts's.
import { join } from 'node:path';
import { buildRelease } from './release-build.ts';
import { ReleaseBuildError } from './release-build-error.ts';

const root = join(import.meta.dirname, '..');
try {
  await buildRelease({ root, out: join(root, 'release'), onProgress: (line) => console.log(line) });
} catch (error) {
  if (!(error instanceof ReleaseBuildError)) throw error;
  console.error(`The release was not built: ${error.message}`);
  process.exitCode = 1;
}
