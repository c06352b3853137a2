// The programs' settings: what is taken, what is refused and in which words.
import { expect, test } from 'vitest';
import {
  type CoreSettings,
  coreSettings,
  gatewayNotice,
  gatewaySettings,
  publicUrl,
  readSettings,
  SettingsError,
  settingsVariable,
  trustedProxy,
} from '../../cluster/settings.ts';

const core: CoreSettings = {
  mode: 'serve',
  name: 'here',
  data: '/data',
  release: '/release',
  logLevel: 'info',
  rateLimit: { requests: 300, windowS: 300 },
  signUpsAnHour: 60,
  idleActorS: 600,
  minFreePercent: 5,
  cluster: { host: '127.0.0.1', port: 8081, advertise: null },
};
const gateway = {
  index: 0,
  data: '/data',
  release: '/release',
  host: '127.0.0.1',
  port: 8080,
  publicUrl: null,
  trustedProxy: false,
  logLevel: 'info',
  rateLimit: { requests: 300, windowS: 300 },
};
const given = (value: unknown) => ({ [settingsVariable]: JSON.stringify(value) });

test('settings are read from one variable, and frozen to the bottom', () => {
  const read = readSettings(coreSettings, given(core));
  expect(read).toEqual(core);
  expect(Object.isFrozen(read)).toBe(true);
  expect(Object.isFrozen(read.rateLimit)).toBe(true);
  expect(readSettings(gatewaySettings, given(gateway))).toEqual(gateway);
});

test.each([
  [{}, 'is not set: this program is started by the agent'],
  [{ [settingsVariable]: '{' }, 'is not JSON'],
  [given({ ...core, idleActorS: -1 }), 'idleActorS: '],
  [given({ ...core, data: 'relative' }), 'data: '],
  [given({ ...core, idCache: 0 }), 'idCache: '],
  [given({ ...core, rateLimit: { requests: 1.5, windowS: 0 } }), 'rateLimit.requests: '],
  [given({ ...core, cluster: { host: '', port: 8081 } }), 'cluster.host: '],
  [given([]), 'expected object'],
])('what is wrong is said in one line: %j', (environment, message) => {
  const read = () => readSettings(coreSettings, environment);
  expect(read).toThrow(SettingsError);
  expect(read).toThrow(message);
  try {
    read();
  } catch (error) {
    expect(String(error)).not.toContain('\n');
  }
});

test('a public address is a scheme and a host, and loses its slash', () => {
  expect(publicUrl.parse('https://Example.org/')).toBe('https://example.org');
  expect(publicUrl.parse('http://localhost:8080')).toBe('http://localhost:8080');
  for (const wrong of [
    'example.org',
    'ftp://example.org',
    'https://example.org/a',
    'https://a@example.org',
    'https://a?b',
  ]) {
    expect(publicUrl.safeParse(wrong).success, wrong).toBe(false);
  }
});

test('trusted proxies are addresses and networks of both kinds', () => {
  const proxies = ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8'];
  expect(trustedProxy.parse(proxies)).toEqual(proxies);
  expect(trustedProxy.parse(true)).toBe(true);
  for (const wrong of [['10.0.0.256'], ['10.0.0.0/33'], ['proxy'], [], '10.0.0.1']) {
    expect(trustedProxy.safeParse(wrong).success, String(wrong)).toBe(false);
  }
});

test('a gateway reads of the record what the agent says of it alone', () => {
  const record = JSON.stringify({
    pid: 1,
    children: [
      { pid: 7, page: '/releases/b' },
      { pid: 8, drainUntilMs: 1000 },
      { pid: 9, role: 'gateway' },
    ],
  });
  expect(gatewayNotice(record, 7)).toEqual({ page: '/releases/b', drainUntilMs: null });
  expect(gatewayNotice(record, 8)).toEqual({ page: null, drainUntilMs: 1000 });
  expect(gatewayNotice(record, 9)).toEqual({ page: null, drainUntilMs: null });
  for (const other of [record.slice(0, 20), '[]', '{}', record.replaceAll('"pid":7', '"pid":"7"')])
    expect(gatewayNotice(other, 7)).toBeNull();
});
