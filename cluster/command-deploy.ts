// `murmuration deploy` and `rollback`: say which release the cluster is to run, and watch it go there.
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { existingDataFolder } from './agent-data-folder.ts';
import { type DeployState, readDeployState } from './agent-deploy-state.ts';
import { readAgentRecord } from './agent-record.ts';
import { withCluster } from './command-cluster.ts';
import { type DeployShown, deployShown, drawDeploy } from './command-deploy-drawing.ts';
import { showDeploy, watchDeploy } from './command-deploy-watch.ts';
import { CommandFault } from './command-fault.ts';
import { dataOption, folderText, option, readOptions } from './command-options.ts';
import { wholeRelease } from './command-release-folder.ts';
import { explained, keyOption, keyPathOf } from './command-release-key.ts';
import { releaseChannel } from './mesh-release.ts';
import { sameBytes } from './packed.ts';
import { type ReleaseFolder, readReleaseFolder, readStatementBeside, signerOf } from './release-folder.ts';
import { handoverToJson } from './release-handover.ts';
import { keyLine, keyText, type ReleaseKey, readReleaseKey } from './release-key.ts';
import { manifestFile } from './release-manifest.ts';
import { encodeSignedPointer, pointerLifeMs, signPointer } from './release-pointer.ts';
import { needsOneWay } from './release-schema.ts';
import { ReleaseStore, releasesFolder, type StoredRelease } from './release-store.ts';
import { readHoldS, readWaves, type Wave, WavesError } from './release-waves.ts';
import { packageRoot, packageVersion } from './version-of-package.ts';
import { noWireLog } from './wire-meter.ts';

const wavesText: z.ZodType<Wave[]> = thrown(readWaves);
const holdText: z.ZodType<number> = thrown(readHoldS);

const deployOptions = z.object({
  data: folderText,
  waves: wavesText.optional(),
  hold: holdText,
  oneWay: z.boolean().optional(),
  watch: z.boolean(),
  key: z.string(),
});
type DeployOptions = z.infer<typeof deployOptions>;

export function deployCommand(): Command {
  const command = new Command('deploy')
    // What stands behind `status` is its own, though both have a --data.
    .enablePositionalOptions()
    .description('run a release on every machine of the cluster, without dropping a connection')
    .argument(
      '<RELEASE>',
      'a signed release folder, or the version or id of a release that was deployed before',
    );
  addTerms(command)
    .addOption(option('--one-way', 'also when there is no way back from it to what runs now'))
    .addCommand(statusCommand());
  return command.action(async (given: string) => {
    const options = readOptions(command, deployOptions);
    const key = await explained(() => readReleaseKey(keyPathOf(command)));
    const data = existingDataFolder(options.data);
    const store = storeOf(data);
    const release = await storedRelease(given, { store, key });
    const now = await running(data);
    if (now !== null && needsOneWay(now.manifest, release.manifest) && options.oneWay !== true) {
      throw new CommandFault(
        `What ${release.label} writes cannot be read by ${now.label}, which runs here: there would be no way back. Say --one-way if that is what you want.`,
      );
    }
    // Whatever runs now can be gone back to.
    if (now !== null && (await store.find(now.id)) === null) await store.putRelease(now.folder);
    await point({ data, release, key, options: { ...options, oneWay: options.oneWay === true } });
  });
}

export function rollbackCommand(): Command {
  const command = new Command('rollback')
    .description('run the release that ran before, on every machine')
    .argument('[RELEASE]', 'another one of those that are kept: its version or id');
  addTerms(command);
  return command.action(async (given: string | undefined) => {
    const options = readOptions(command, deployOptions);
    const key = await explained(() => readReleaseKey(keyPathOf(command)));
    const data = existingDataFolder(options.data);
    const store = storeOf(data);
    const state = await readDeployState(store.folder, noWireLog);
    const release = given === undefined ? await before(store, state) : await kept(store, given);
    const now = await running(data);
    if (now !== null && needsOneWay(release.manifest, now.manifest)) {
      throw new CommandFault(
        `${release.label} cannot read what ${now.label} has written: there is no way back to it.`,
      );
    }
    await point({ data, release, key, options: { ...options, oneWay: false } });
  });
}

function addTerms(command: Command): Command {
  return command
    .addOption(dataOption())
    .addOption(
      option(
        '--waves <LIST>',
        'machines that change first, and how many then: counts, then percents, the last 100% (1,10%,100%); default: all at once',
      ),
    )
    .addOption(
      option(
        '--hold <TIME>',
        'how long a machine must do well before the next wave, and before it is permanent',
        '30s',
      ),
    )
    .addOption(keyOption())
    .addOption(option('--no-watch', 'do not wait until it is everywhere'));
}

const statusOptions = z.object({
  data: folderText,
  json: z.boolean().optional(),
  watch: z.boolean().optional(),
});

function statusCommand(): Command {
  const command = new Command('status')
    .description('how far each machine is: fetched, verified, changed over, healthy')
    .addOption(dataOption())
    .addOption(option('--watch', 'until it is everywhere, or stopped'))
    .addOption(option('--json', 'as JSON'));
  return command.action(async () => {
    const { data, json, watch } = readOptions(command, statusOptions);
    await withCluster(data, 'deploy-status', async (cluster) => {
      if (watch === true) return await watchDeploy(cluster);
      const shown = await showDeploy(cluster);
      console.log(json === true ? JSON.stringify(shown, null, 2) : drawDeploy(shown));
    });
  });
}

interface Pointing {
  data: string;
  release: StoredRelease;
  key: ReleaseKey;
  options: Readonly<DeployOptions> & { oneWay: boolean };
}

/** Signs what is to run, and hands it to the cluster. */
async function point({ data, release, key, options }: Pointing): Promise<void> {
  await withCluster(data, 'deploy', async (cluster) => {
    const shown = await showDeploy(cluster);
    checkTrust(shown, key);
    const pointer = {
      channel: releaseChannel,
      version: release.label,
      infoHash: release.info.hash,
      manifestHash: Buffer.from(release.id, 'hex'),
      infoBytes: release.info.bytes.length,
      waves: options.waves ?? [],
      holdS: options.hold,
      expiryMs: Date.now() + pointerLifeMs,
      isOneWay: options.oneWay,
    };
    const signed = signPointer(pointer, (shown.pointer?.seq ?? 0) + 1, key.privateKey);
    await cluster.ask(
      {
        do: 'deploy',
        pointer: Buffer.from(encodeSignedPointer(signed)).toString('base64'),
        handovers: key.handovers.map(handoverToJson),
      },
      deployShown,
    );
    console.error(`${release.label} is deployed (${signed.seq}). It goes on when this command is stopped.`);
    if (options.watch) await watchDeploy(cluster);
  });
}

function checkTrust({ releaseKey }: DeployShown, key: ReleaseKey): void {
  if (releaseKey === null)
    throw new CommandFault(
      `The cluster trusts no release key yet. On the machine that keeps it: murmuration release trust ${keyText(key.publicKey)}`,
    );
  if (!keyLine(key).some((one) => keyText(one) === releaseKey))
    throw new CommandFault(`The cluster trusts another release key: ${releaseKey}.`);
}

/** In the store of this machine, from where all others get it. */
async function storedRelease(
  given: string,
  { store, key }: { store: ReleaseStore; key: ReleaseKey },
): Promise<StoredRelease> {
  const isFolder = await access(join(resolve(given), manifestFile)).then(
    () => true,
    () => false,
  );
  if (!isFolder) return await kept(store, given);
  await checkStatement(resolve(given), key);
  const put = await store.putRelease(resolve(given));
  if (put.ok) return put.value;
  throw new CommandFault(`${given} cannot be deployed: ${put.reason}.`);
}

/** Somebody with the key has said that it is theirs: before it is anybody else's business. */
async function checkStatement(folder: string, key: ReleaseKey): Promise<void> {
  const release = await wholeRelease(folder);
  const signed = await readStatementBeside(folder);
  if (signed === null)
    throw new CommandFault(`Nobody has signed ${folder}: murmuration release sign ${folder}`);
  const signer = signerOf(release, signed);
  if (!signer.ok || !keyLine(key).some((one) => sameBytes(one, signer.publicKey)))
    throw new CommandFault(
      `The signature beside ${folder} is of another release, or by another key: sign it again with "murmuration release sign".`,
    );
}

async function kept(store: ReleaseStore, name: string): Promise<StoredRelease> {
  const found = await store.named(name);
  if (found === 'several')
    throw new CommandFault(
      `${name} could be several of the releases that are kept here: say more of its id.`,
    );
  if (found !== null) return found;
  const list = (await store.list()).map(({ label }) => label).join(', ');
  throw new CommandFault(
    `There is no release ${name}: neither a folder nor one of those kept here (${list === '' ? 'none' : list}). Build one with "murmuration release build".`,
  );
}

/** What was permanent here before. When what was deployed last never got so far: what still is. */
async function before(
  store: ReleaseStore,
  { runs, former, ended, trial }: DeployState,
): Promise<StoredRelease> {
  const isLastPermanent = trial === null && ended === null;
  const meant = isLastPermanent ? former : runs;
  const found = meant === null ? null : await store.find(meant.id);
  if (found !== null) return found;
  throw new CommandFault(
    'It is not known here what ran before: say which release, see "murmuration deploy status" and DATA/releases.',
  );
}

/** What this machine's programs run; null: nothing is known of that. */
async function running(data: string): Promise<ReleaseFolder | null> {
  const record = readAgentRecord(data);
  if (record === null) return null;
  const read = await readReleaseFolder(record.release).catch(() => null);
  return read?.ok === true ? read.value : null;
}

function storeOf(data: string): ReleaseStore {
  // Not opened: the agent has, and clears up what a crash has left.
  return new ReleaseStore({
    data,
    root: packageRoot,
    agentVersion: packageVersion(),
    log: noWireLog,
    folder: join(data, releasesFolder),
  });
}

/** A reader that throws a `WavesError`, as a schema. */
function thrown<T>(read: (text: string) => T): z.ZodType<T> {
  return z.string().transform((text, context) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof WavesError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
}
