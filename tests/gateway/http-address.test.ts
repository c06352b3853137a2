// Who asks, and what they call us, behind proxies and without.
import { describe, expect, it } from 'vitest';
import { createAddresses, neighbourhoodOf, printAddress } from '../../gateway/http-address.ts';

const nobody = createAddresses({ publicUrl: null, trustedProxy: false });
const anybody = createAddresses({ publicUrl: null, trustedProxy: true });
const some = createAddresses({ publicUrl: null, trustedProxy: ['10.0.0.1', '192.168.0.0/16', 'fd00::/8'] });
const plain = { host: 'here.org', forwardedProto: '', forwardedHost: '' };

describe('the client', () => {
  it('is the peer when the peer is not a trusted proxy', () => {
    expect(nobody.clientOf('1.2.3.4', '9.9.9.9')).toBe('1.2.3.4');
    expect(some.clientOf('1.2.3.4', '9.9.9.9')).toBe('1.2.3.4');
  });

  it('is whom the nearest trusted proxy saw, not what a client made up before it', () => {
    expect(some.clientOf('10.0.0.1', '9.9.9.9, 5.5.5.5')).toBe('5.5.5.5');
    expect(some.clientOf('10.0.0.1', '9.9.9.9, 5.5.5.5, 192.168.1.1')).toBe('5.5.5.5');
    expect(some.clientOf('fd00::1', '2001:db8::1')).toBe('2001:db8::1');
  });

  it('is the first named when everybody is trusted', () => {
    expect(anybody.clientOf('10.0.0.1', '9.9.9.9:1234, 5.5.5.5')).toBe('9.9.9.9');
    expect(anybody.clientOf('10.0.0.1', 'nonsense')).toBe('10.0.0.1');
  });
});

describe('the origin', () => {
  it('is the public URL when there is one', () => {
    const addresses = createAddresses({ publicUrl: 'https://pub.org', trustedProxy: true });
    expect(addresses.originOf('1.1.1.1', { ...plain, forwardedHost: 'evil.org' })).toBe('https://pub.org');
  });

  it('is the Host header otherwise, and X-Forwarded-* only from a trusted proxy', () => {
    const forwarded = { ...plain, forwardedProto: 'https', forwardedHost: 'front.org' };
    expect(nobody.originOf('1.1.1.1', forwarded)).toBe('http://here.org');
    expect(some.originOf('10.0.0.1', forwarded)).toBe('https://front.org');
    expect(some.originOf('10.0.0.1', { ...forwarded, forwardedHost: '' })).toBe('https://here.org');
  });

  it.each(['', 'a b', 'a/b', 'a"b', '<x>', 'a:b', 'x'.repeat(300)])(
    'is nothing when the Host is %j',
    (host) => {
      expect(nobody.originOf('1.1.1.1', { ...plain, host })).toBeNull();
    },
  );

  it.each(['here.org:8080', '[::1]:8080', '127.0.0.1'])('may be at %s', (host) => {
    expect(nobody.originOf('1.1.1.1', { ...plain, host })).toBe(`http://${host}`);
  });
});

it('prints addresses of both kinds, and IPv4 inside IPv6 as IPv4', () => {
  expect(printAddress(Uint8Array.of(127, 0, 0, 1))).toBe('127.0.0.1');
  expect(printAddress(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1))).toBe('10.0.0.1');
  expect(printAddress(Uint8Array.of(0x20, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))).toBe(
    '2001:db8:0:0:0:0:0:1',
  );
  expect(printAddress(new Uint8Array(0))).toBe('');
});

it('counts an IPv6 household as one', () => {
  expect(neighbourhoodOf('2001:db8:1:2:3:4:5:6')).toBe(neighbourhoodOf('2001:db8:1:2::9'));
  expect(neighbourhoodOf('2001:db8:1:2::9')).not.toBe(neighbourhoodOf('2001:db8:1:3::9'));
  expect(neighbourhoodOf('::1')).toBe('0:0:0:0::/64');
  expect(neighbourhoodOf('1.2.3.4')).toBe('1.2.3.4');
  for (const mapped of ['::ffff:1.2.3.4', '::FFFF:102:304', '0:0:0:0:0:ffff:1.2.3.4']) {
    expect(neighbourhoodOf(mapped)).toBe('1.2.3.4');
  }
});
