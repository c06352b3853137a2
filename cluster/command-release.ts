// `murmuration release build|sign|show|verify|key|rotate`: makes releases and says who made them. Deploying one is `murmuration deploy`.
import { rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { readDeployState } from './agent-deploy-state.ts';
import { CommandFault, errorCode } from './command-fault.ts';
import { folderText, option, readOptions, usageFault } from './command-options.ts';
import { count } from './command-progress.ts';
import { wholeRelease } from './command-release-folder.ts';
import {
  explained,
  keyOption,
  keyPathOf,
  releaseKeyCommand,
  rotateCommand,
  trustCommand,
} from './command-release-key.ts';
import { sameBytes } from './packed.ts';
import { ReleaseBuildError } from './release-build-error.ts';
import { changesBetween } from './release-changes.ts';
import {
  type ReleaseFolder,
  readStatementBeside,
  signerOf,
  statementBeside,
  statementOf,
  torrentBeside,
  writeStatementBeside,
  writeTorrentBeside,
} from './release-folder.ts';
import { keyText, readKeyText, readReleaseKey } from './release-key.ts';
import { type ReleasePart, releaseLabel } from './release-manifest.ts';
import { type SignedStatement, signStatement } from './release-statement.ts';
import { releasesFolder } from './release-store.ts';
import { movedAgainst } from './release-torrent.ts';
import { packageRoot } from './version-of-package.ts';
import { noWireLog } from './wire-meter.ts';

export function releaseCommand(): Command {
  return new Command('release')
    .description('releases: the code that a cluster runs, built, signed and looked at')
    .addCommand(buildCommand())
    .addCommand(signCommand())
    .addCommand(showCommand())
    .addCommand(verifyCommand())
    .addCommand(releaseKeyCommand())
    .addCommand(rotateCommand())
    .addCommand(trustCommand());
}

const buildOptions = z.object({ out: folderText, parent: folderText.optional() });

function buildCommand(): Command {
  const command = new Command('build')
    .description(
      'build this checkout into a release folder, with its .torrent beside it; the same source gives the same bytes',
    )
    .addOption(
      option(
        '--out <DIR>',
        'where the release goes; what is there is replaced',
        join(packageRoot, 'release'),
      ),
    )
    .addOption(
      option(
        '--parent <DIR>',
        'the release it follows, or a data folder: then the release that is deployed there. Says what a change moves',
      ),
    );
  return command.action(async () => {
    const { out, parent: given } = readOptions(command, buildOptions);
    const parent = given === undefined ? null : await wholeRelease(await parentFolder(given));
    const built = await buildInto(resolve(out), parent);
    await explainedDisk(out, async () => {
      await writeTorrentBeside(built);
      await dropOtherStatement(built);
    });
    for (const line of summary(built)) console.log(line);
    console.log(`  torrent    ${torrentBeside(built.folder)}`);
    if (parent !== null) for (const line of comparison(parent, built)) console.log(line);
    console.log(`Sign it: murmuration release sign ${built.folder}`);
  });
}

async function buildInto(out: string, parent: ReleaseFolder | null): Promise<ReleaseFolder> {
  // The bundler takes its time to load: only who builds waits for it.
  const { buildRelease } = await import('./release-build.ts');
  try {
    console.error('Building ...');
    await buildRelease({ root: packageRoot, out, parent: parent?.id ?? null });
  } catch (error) {
    if (!(error instanceof ReleaseBuildError)) throw error;
    throw new CommandFault(`The release cannot be built: ${error.message}.`, { cause: error });
  }
  return await wholeRelease(out);
}

/** Of what was there before: it says nothing of this one. */
async function dropOtherStatement(built: ReleaseFolder): Promise<void> {
  const signed = await readStatementBeside(built.folder);
  if (signed !== null && !signerOf(built, signed).ok) await rm(statementBeside(built.folder));
}

function signCommand(): Command {
  const command = new Command('sign')
    .description('say with the release key that this release is yours; the statement lies beside the folder')
    .argument('<DIR>', 'a release folder')
    .addOption(keyOption());
  return command.action(async (given: string) => {
    const path = keyPathOf(command);
    const key = await explained(() => readReleaseKey(path));
    const release = await wholeRelease(given);
    const signed = signStatement(statementOf(release), key.privateKey);
    await explainedDisk(given, async () => {
      await writeTorrentBeside(release);
      await writeStatementBeside(release.folder, signed);
    });
    console.log(
      `${release.label} is signed with ${keyText(key.publicKey)}: ${statementBeside(release.folder)}`,
    );
  });
}

function showCommand(): Command {
  return new Command('show')
    .description('what a release holds, needs and can read, and who signed it')
    .argument('<DIR>', 'a release folder')
    .action(async (given: string) => {
      const release = await wholeRelease(given);
      for (const line of summary(release)) console.log(line);
      const signed = await readStatementBeside(release.folder);
      console.log(`  signed     ${signed === null ? 'no' : signatureText(release, signed)}`);
    });
}

const verifyOptions = z.object({ key: z.string() });

function verifyCommand(): Command {
  const command = new Command('verify')
    .description('look at every byte of a release, and whether this key has signed it')
    .argument('<DIR>', 'a release folder')
    .requiredOption(
      '--key <PUBLIC>',
      'the public release key: 64 hexadecimal digits, see "release key show"',
    );
  return command.action(async (given: string) => {
    const key = readKeyText(readOptions(command, verifyOptions).key);
    if (key === null) throw usageFault(command, "option '--key' must be 64 hexadecimal digits");
    const release = await wholeRelease(given);
    const signed = await readStatementBeside(release.folder);
    if (signed === null)
      throw new CommandFault(`Nobody has signed it: there is no ${statementBeside(given)}.`);
    const signer = signerOf(release, signed);
    if (!signer.ok) throw new CommandFault(`The signature is worth nothing: ${signer.reason}.`);
    if (!sameBytes(signer.publicKey, key))
      throw new CommandFault(`It is signed, but with another key: ${keyText(signer.publicKey)}.`);
    console.log(`${release.label} is whole, and signed with that key.`);
  });
}

/** A release folder, or the one that is deployed in a data folder. */
async function parentFolder(given: string): Promise<string> {
  const releases = join(resolve(given), releasesFolder);
  const isData = await stat(releases).then(
    (is) => is.isDirectory(),
    () => false,
  );
  if (!isData) return given;
  const { runs } = await readDeployState(releases, noWireLog);
  if (runs === null) throw new CommandFault(`Nothing was deployed in ${given} yet: leave --parent out.`);
  return join(releases, runs.id);
}

function signatureText(release: ReleaseFolder, signed: SignedStatement | 'malformed'): string {
  const signer = signerOf(release, signed);
  return signer.ok ? `with ${keyText(signer.publicKey)}` : `worthless: ${signer.reason}`;
}

const parts: ReleasePart[] = ['behaviours', 'core', 'gateway', 'page'];

function summary({ folder, id, label, manifest, info }: ReleaseFolder): string[] {
  const { files, native, nodeAbi, protocol, stateSchema, minimumAgent, parent } = manifest;
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  const sizeOf = (part: ReleasePart): number =>
    manifest.parts[part].reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
  return [
    `${manifest.name} ${label} in ${folder}`,
    `  id         ${id}`,
    `  info hash  ${Buffer.from(info.hash).toString('hex')} (${kib(info.bytes.length)}, pieces of ${kib(info.pieceLength)})`,
    `  files      ${files.length}, ${kib(bytes)}: ${parts.map((part) => `${part} ${kib(sizeOf(part))}`).join(', ')}`,
    `  needs      an agent of ${minimumAgent}, Node of module version ${nodeAbi.min} to ${nodeAbi.max}${Object.entries(
      native,
    )
      .map(([name, version]) => `, ${name} ${version}`)
      .join('')}`,
    `  speaks     links ${rangeText(protocol)}; reads state ${rangeText(stateSchema.reads)}, writes ${stateSchema.writes}`,
    `  parent     ${parent ?? 'none'}`,
  ];
}

function comparison(parent: ReleaseFolder, built: ReleaseFolder): string[] {
  const changes = changesBetween(parent.manifest, built.manifest);
  const changed = parts.filter((part) => changes[part]);
  const { movedBytes, totalBytes } = movedAgainst(parent.info, built.info);
  const share = ((100 * movedBytes) / totalBytes).toFixed(1);
  const against = releaseLabel(parent.manifest, parent.id);
  return [
    `  changes    ${changed.length === 0 ? 'nothing' : changed.join(', ')}`,
    `Moves ${kib(movedBytes)} of ${kib(totalBytes)} (${share} %) against ${against}.`,
  ];
}

function rangeText({ min, max }: { min: number; max: number }): string {
  return min === max ? String(min) : `${min} to ${max}`;
}

function kib(bytes: number): string {
  return `${bytes < 100 * 1024 ? (bytes / 1024).toFixed(1) : count(Math.round(bytes / 1024))} KiB`;
}

async function explainedDisk(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(errorCode(error))) throw error;
    throw new CommandFault(`Beside ${resolve(folder)} nothing can be written (${errorCode(error)}).`, {
      cause: error,
    });
  }
}
