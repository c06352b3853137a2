// The core process: settings in, a core behind a link server and in the mesh of its cluster, an orderly end. `mode: rebuild` derives
// all views anew instead.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pino from 'pino';
import type { Core } from './core.ts';
import { loadBehaviours } from './core-behaviours.ts';
import { connectColleagues } from './core-colleagues.ts';
import { LinkedGateways } from './core-gateways.ts';
import { openCore } from './core-opening.ts';
import type { CoreShare } from './core-options.ts';
import { standBy, storeFolderIn } from './core-standby.ts';
import { linkPath } from './link-door.ts';
import { linkFileName, newLinkKey, removeLinkFile, writeLinkFile } from './link-file.ts';
import type { HandleRequest } from './link-handling.ts';
import { noteLeft, takeLeftNote } from './link-left.ts';
import type { CoreList, LinkRole } from './link-messages.ts';
import type { LinkPeer } from './link-peer.ts';
import { linkKeyOf } from './link-proof.ts';
import { type LinkAdmission, type LinkServer, openLinkServer } from './link-server.ts';
import type { Manifest } from './manifest.ts';
import { createMesh, type Mesh } from './mesh.ts';
import { answerCluster } from './mesh-answering.ts';
import type { MeshPorts } from './mesh-ports.ts';
import { type NodeIdentity, openNodeIdentity } from './node-identity.ts';
import { sameBytes } from './packed.ts';
import { releaseRanges } from './release-manifest.ts';
import { releaseVersion } from './release-version.ts';
import { type CoreSettings, coreSettings, endWith, heirSignal, readSettings, tellAgent } from './settings.ts';
import { steadyClock } from './steady-clock.ts';
import { noWireMeter } from './wire-meter.ts';

/** How long gateways have for the answers of what they asked before. */
const leaveWithinMs = 1000;

async function start(): Promise<void> {
  const settings = readSettings(coreSettings, process.env);
  const log = pino({ name: 'core', level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
  // Ctrl-C reaches the whole terminal group; the agent gives the order to stop.
  process.on('SIGINT', () => {});
  const product = await loadBehaviours(settings.release);
  const identity = await openNodeIdentity(settings.data);
  const shared = {
    product,
    node: identity.number,
    now: steadyClock({ wallMs: Date.now, monoMs: () => performance.now() }),
    chance: Math.random,
    rateLimit: settings.rateLimit,
    signUpsAnHour: settings.signUpsAnHour,
    idleMs: settings.idleActorS * 1000,
    schema: releaseRanges.stateSchema,
    log,
  };
  const lock = settings.mode === 'standby' ? await standBy({ ...shared, data: settings.data }) : undefined;
  // The core's metrics, once there are some: nothing happens on wires before that.
  let wires = noWireMeter;
  // Before the core: it is to know the manifest, and to whom it can speak. Nothing is opened yet.
  const mesh =
    settings.mode === 'rebuild'
      ? null
      : await createMesh({
          identity,
          data: settings.data,
          listen: settings.cluster,
          name: settings.name,
          version: await releaseVersion(settings.release),
          log,
          meter: { count: (event, by) => wires.count(event, by) },
        });
  const core = await openCore({
    ...shared,
    folder: storeFolderIn(settings.data),
    onFault(error) {
      log.fatal({ err: error }, 'the disk failed: nothing was acknowledged that is not on it; the core ends');
      // Not by `exit`: after a page that could not be written LMDB's memory is not sound, and freeing it can abort half-way.
      process.kill(process.pid, 'SIGKILL');
    },
    limits: {
      minFreePercent: settings.minFreePercent,
      ...(settings.idCache === undefined ? {} : { mostIds: settings.idCache }),
    },
    ...(lock === undefined ? {} : { lock }),
    ...(mesh === null ? {} : { cluster: shareOf(mesh) }),
  });
  if (mesh === null) {
    const total = core.store.position;
    await core.store.rebuild((done) => tellAgent({ progress: { done, total: Math.max(done, total) } }));
    await core.close();
    tellAgent({ ready: true });
    process.disconnect?.();
    return;
  }
  wires = core.metrics.wires;
  await serve({ core, mesh, identity, settings, log });
}

async function serve({
  core,
  mesh,
  identity,
  settings: { data, release },
  log,
}: {
  core: Core;
  mesh: Mesh;
  identity: NodeIdentity;
  settings: CoreSettings;
  log: pino.Logger;
}): Promise<void> {
  const key = newLinkKey();
  const gateways = new LinkedGateways({
    node: mesh.node,
    version: await releaseVersion(release),
    nodeOf: (machine) => mesh.manifest.manifest.members.find(({ name }) => name === machine)?.node ?? null,
    now: Date.now,
  });
  const handle: HandleRequest = (kind, ask, from, counted) =>
    answerCluster(mesh, kind, ask, from) ?? core.handle(kind, ask, from, counted);
  const tellCores = (to: Iterable<LinkPeer>): void => {
    const list = coresOf(mesh, () => true);
    for (const peer of to) if (peer.role !== 'core') peer.sendCores(list);
  };
  const links = await openLinkServer({
    host: '127.0.0.1',
    key,
    handle,
    onPeer(peer) {
      gateways.joined(peer);
      core.peerHere(peer);
      tellCores([peer]);
    },
    onPeerGone(peer) {
      gateways.gone(peer);
      core.peerGone(peer);
    },
    remote: {
      key: linkKeyOf(mesh.manifest.manifest.cluster),
      admits: (publicKey) => admitsMember(mesh.manifest.manifest, publicKey),
    },
    log,
    meter: core.metrics,
    // An empty store has had no core before this one, and so no gateway that may still hold a lease of it.
    hadPredecessor: !takeLeftNote(storeFolderIn(data)) && core.store.position > 0,
  });
  core.serve(links);
  const linkKey = linkKeyOf(mesh.manifest.manifest.cluster);
  const colleagues = connectColleagues({
    node: mesh.node,
    identity: { tls: identity.tls, linkKey },
    log,
    meter: core.metrics,
  });
  core.connect(colleagues);
  const coresChanged = (): void => {
    tellCores(links.peers);
    colleagues.setCores(coresOf(mesh, ({ node }) => node !== mesh.node));
  };
  await mesh.open(portsOf({ core, mesh, links, gateways }));
  mesh.onCoresChanged(coresChanged);
  coresChanged();
  // Alone, it serves all within a moment. With others, gateways wait until somebody serves what they ask for.
  await core.cluster?.ready();
  const linkFile = join(data, linkFileName);
  const incarnation = randomBytes(8).toString('hex');
  const written = writeLinkFile(linkFile, { port: links.port, key, pid: process.pid, incarnation });
  // Before anybody can know of this core: who stops it from then on finds no core.link left behind.
  let isStopping = false;
  function stop(hasHeir: boolean): void {
    if (isStopping) {
      // Who waits for others to take over does so no longer.
      if (!hasHeir) core.cluster?.replica.close();
      return;
    }
    isStopping = true;
    log.info(
      {},
      hasHeir ? 'the core stops as soon as it may, and another takes its place' : 'the core stops',
    );
    written
      .then(() => end(hasHeir))
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        log.error({ err: error }, 'the core could not stop in order');
        process.exit(1);
      });
  }
  process.on('SIGTERM', () => stop(false));
  process.on(heirSignal, () => stop(true));
  async function end(hasHeir: boolean): Promise<void> {
    await core.handOver(hasHeir);
    // Whoever looks for a core from now on waits for the next one.
    await removeLinkFile(linkFile, incarnation);
    const areAllGone = await links.leave(leaveWithinMs);
    await Promise.all([links.close(), colleagues.close(), mesh.close()]);
    if (areAllGone) noteLeft(storeFolderIn(data));
    await core.close();
  }
  await written;
  log.info({ port: links.port, clusterPort: mesh.port, position: core.store.position }, 'the core serves');
  tellAgent({ ready: true });
}

function coresOf(mesh: Mesh, isNamed: (core: Mesh['cores'][number]) => boolean): CoreList {
  const { epoch } = mesh.manifest.manifest;
  const cores = mesh.cores.filter(isNamed).map((place) => ({ ...place, addresses: [...place.addresses] }));
  return { epoch, cores };
}

/** Processes of members' machines, each machine's as what it is: whoever shows the key of one. */
function admitsMember({ members, revokedKeys }: Manifest, publicKey: Uint8Array): LinkAdmission {
  const member = members.find(({ key }) => sameBytes(key, publicKey));
  if (member === undefined) return { ok: false, reason: "its key is no member's" };
  if (revokedKeys.some((key) => sameBytes(key, publicKey)))
    return { ok: false, reason: 'its key is revoked' };
  const roles: LinkRole[] = member.roles.includes('gateway') ? ['gateway'] : [];
  // Who has a core holds what its operators may change.
  if (member.roles.includes('core')) roles.push('core', 'operator');
  return { ok: true, name: member.name, roles };
}

function shareOf(mesh: Mesh): CoreShare {
  return { boot: mesh.boot, ring: mesh.ring, epoch: mesh.manifest.manifest.epoch, isFounder: false };
}

/** What the mesh carries is replication's; what it asks for is the core's to say. */
function portsOf({
  core,
  mesh,
  links,
  gateways,
}: {
  core: Core;
  mesh: Mesh;
  links: LinkServer;
  gateways: LinkedGateways;
}): MeshPorts {
  const { cluster } = core;
  if (cluster === null) throw new Error('a core in a mesh is one of a cluster');
  cluster.connect(
    (node, message) => mesh.send(node, message),
    (node) => mesh.isWritable(node),
  );
  return {
    incarnation: core.store.incarnation,
    events: {
      linked: ({ node, boot, incarnation }) => cluster.linked({ node, boot, incarnation }),
      unlinked: (node) => cluster.unlinked(node),
      message: (node, message) => cluster.receive(node, message),
      writable: () => cluster.writable(),
      manifest({ manifest }) {
        cluster.adoptRing(mesh.ring, manifest.epoch);
        links.readmit();
      },
    },
    otherPaths: {
      [linkPath]: (request, socket, head, publicKey) => links.takeUpgrade(request, socket, head, publicKey),
    },
    report: () => ({ ...cluster.report(), health: core.metrics.health(), gateways: gateways.list() }),
    swap: async ({ release, isOneWay }) => {
      const swapped = await core.swap(release, { isOneWay });
      return swapped.ok ? { ok: true, value: JSON.stringify(swapped.value) } : swapped;
    },
    progressOf: (node) => (node === mesh.node ? cluster.progress() : cluster.replica.progressOf(node)),
    servers: () => cluster.servers(),
  };
}

start().catch(endWith);
