// The import directions and the files that may do IO, for dependency-cruiser (`npm run imports`).
// Edit the four lists; the rules below are made of them. tests/house/imports.test.ts plants a violation of each rule.

/** Runtime files that are pure functions of their input: actors/ may import these and nothing else of runtime/. */
const pureRuntime = [
  'account-id',
  'behaviours',
  'behaviours-form',
  'codec',
  'fact',
  'key',
  'late-facts',
  'latin1-codec',
  'reading',
  'status-id',
  'trial',
  'trial-answers',
  'trial-data',
  'trial-world',
  'version',
];

/** Declarations of messages and records (no logic): cluster/ and gateway/ may import these of actors/. */
const declarations = ['exchanges', 'facts', 'items', 'messages'];

/** Pure product files that gateway/ shares with the actors, beside the declarations. */
const sharedWithGateway = ['text', 'text-entities', 'visibility'];

/** Files outside cluster/ that may touch disk, network, processes or nact. Everything else is a function of its input. */
const ioFiles = [
  'runtime/actor-system[a-z-]*',
  'runtime/store-(backup|disk|environment|lock)',
  'gateway/gateway-program',
  'gateway/http[a-z-]*',
  'gateway/streaming[a-z-]*',
  'gateway/page-files',
];

const ioBuiltins = [
  'fs',
  'fs/promises',
  'net',
  'tls',
  'http',
  'https',
  'http2',
  'dgram',
  'child_process',
  'worker_threads',
  'cluster',
];
const ioPackages = ['lmdb', 'ws', 'uWebSockets\\.js', 'nact', 'bittorrent-dht', 'tsx', 'esbuild'];

const any = (names) => `(${names.join('|')})`;
const houses = ['actors', 'cluster', 'gateway', 'runtime'];
const anyOfActors = (names) => `^actors/${any(names)}\\.ts$`;

module.exports = {
  forbidden: [
    {
      name: 'actors-import-pure-files-only',
      comment:
        'The product is loaded into a running core as one script without imports: only actors/ and the pure files of runtime/.',
      severity: 'error',
      from: { path: '^actors/' },
      to: { pathNot: ['^actors/', `^runtime/${any(pureRuntime)}\\.ts$`] },
    },
    {
      name: 'pure-runtime-stays-pure',
      comment: 'What actors/ imports of runtime/ imports only its like.',
      severity: 'error',
      from: { path: `^runtime/${any(pureRuntime)}\\.ts$` },
      to: { pathNot: `^runtime/${any(pureRuntime)}\\.ts$` },
    },
    {
      name: 'runtime-knows-no-product',
      comment: 'runtime/ is generic: it imports no other house.',
      severity: 'error',
      from: { path: '^runtime/' },
      to: { path: `^${any(houses.filter((house) => house !== 'runtime'))}/` },
    },
    {
      name: 'cluster-imports-runtime',
      comment:
        'The core loads behaviours.js from the release; of actors/ it sees the declarations only, of gateway/ nothing.',
      severity: 'error',
      from: { path: '^cluster/' },
      to: { path: '^(actors|gateway)/', pathNot: anyOfActors(declarations) },
    },
    {
      name: 'gateway-imports-shared-actors',
      comment: 'The gateway shares declarations and pure text rules with the product, never its behaviour.',
      severity: 'error',
      from: { path: '^gateway/' },
      to: { path: '^actors/', pathNot: anyOfActors([...declarations, ...sharedWithGateway]) },
    },
    {
      name: 'gateway-imports-links',
      comment: 'A gateway reaches a core by a link and in no other way.',
      severity: 'error',
      from: { path: '^gateway/' },
      to: { path: '^cluster/', pathNot: '^cluster/(link[a-z-]*|routing[a-z-]*|core-client|settings)\\.ts$' },
    },
    {
      name: 'page-is-a-client',
      comment:
        'The page uses the public API only. It shares one pure piece with the server: how characters count. It runs in a browser.',
      severity: 'error',
      from: { path: '^gateway/page/' },
      to: { pathNot: ['^gateway/page/', '^actors/text\\.ts$', '(^|/)node_modules/preact/'] },
    },
    {
      name: 'nobody-imports-the-page',
      severity: 'error',
      from: { path: `^${any(houses)}/`, pathNot: '^gateway/page/' },
      to: { path: '^gateway/page/' },
    },
    {
      name: 'nobody-imports-tests-or-bench',
      severity: 'error',
      from: { path: `^${any(houses)}/` },
      to: { path: '^(tests|bench)/' },
    },
    {
      name: 'tests-import-no-bench',
      comment: 'But the tests of the benchmarks themselves.',
      severity: 'error',
      from: { path: '^tests/', pathNot: '^tests/bench/' },
      to: { path: '^bench/' },
    },
    {
      name: 'io-only-in-named-files',
      comment: 'IO lives in few, named files (ioFiles, and cluster/). Take what you need as a port instead.',
      severity: 'error',
      from: { path: `^${any(houses)}/`, pathNot: ['^cluster/', `^${any(ioFiles)}\\.ts$`] },
      to: {
        path: [`^(node:)?${any(ioBuiltins)}$`, `(^|/)node_modules/${any(ioPackages)}/`],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-development-packages-in-the-program',
      severity: 'error',
      from: { path: `^${any(houses)}/` },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '(^|/)node_modules/@types/',
      },
    },
    {
      name: 'everything-resolves',
      comment: 'An import of a file that is not there, or of a package that package.json does not name.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'packages-are-declared',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^(build|data|release)/' },
    // Types count too: a type of the wrong house is the wrong knowledge.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
