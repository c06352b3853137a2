// A program of our own source as one file, for tests and measurements that start it by plain node. Releases are laid out otherwise.
import { build } from 'esbuild';
import {
  nativePackages,
  optionalPackages,
  requireForBundledPackages,
  sourceOptions,
} from '../../cluster/release-bundle.ts';

/** One ES module: everything in it but native packages, and those that are named. */
export async function bundleProgram({
  root,
  entry,
  outfile,
  external,
}: {
  root: string;
  entry: string;
  outfile: string;
  external: readonly string[];
}): Promise<void> {
  await build({
    ...sourceOptions(root),
    entryPoints: [entry],
    outfile,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: [...nativePackages, ...optionalPackages, ...external],
    banner: { js: requireForBundledPackages },
  });
}
