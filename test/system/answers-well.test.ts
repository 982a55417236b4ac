// Asking a server whether it is healthy: by its status alone, over HTTP and over HTTPS with a certificate that nobody knows.
import { generateKeyPairSync, sign } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { answersWell } from '../../src/system/answers-well.js';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const LONG_MS = 30_000;

function listen(server: http.Server): Promise<number> {
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const answering = (status: number, headers: http.OutgoingHttpHeaders = {}) =>
  listen(http.createServer((_, response) => response.writeHead(status, headers).end('body')));

describe('over HTTP', () => {
  test.each([
    [200, true],
    [204, true],
    [299, true],
    [302, false],
    [404, false],
    [503, false],
  ])('status %d: %s', async (status, expected) => {
    const port = await answering(status, { location: '/elsewhere' });
    expect(await answersWell(`http://127.0.0.1:${port}/health?x=1`, LONG_MS)).toBe(expected);
  });

  test('nobody listens, or what listens speaks otherwise', async () => {
    const port = await answering(200);
    servers[0]?.close();
    expect(await answersWell(`https://127.0.0.1:${port}/`, LONG_MS)).toBe(false);
    expect(await answersWell('http://127.0.0.1:1/', LONG_MS)).toBe(false);
  });

  test('one that never answers is waited for no longer than it may take', async () => {
    const port = await listen(http.createServer(() => undefined));
    expect(await answersWell(`http://127.0.0.1:${port}/`, 50)).toBe(false);
  });

  test('nor longer than until a signal', async () => {
    const end = new AbortController();
    const port = await listen(http.createServer(() => end.abort()));
    expect(await answersWell(`http://127.0.0.1:${port}/`, 120_000, end.signal)).toBe(false);
    expect(await answersWell(`http://127.0.0.1:${port}/`, 120_000, end.signal)).toBe(false);
  });

  test('one that goes on answering has answered with its status', async () => {
    const port = await listen(http.createServer((_, response) => void response.writeHead(200).write('for ever')));
    expect(await answersWell(`http://127.0.0.1:${port}/`, LONG_MS)).toBe(true);
  });
});

test('over HTTPS, the certificate may be the server’s own, and for another name', async () => {
  const server = https.createServer(selfSigned('elsewhere.example'), (_, response) => response.writeHead(200).end());
  const port = await listen(server);
  expect(await answersWell(`https://localhost:${port}/`, LONG_MS)).toBe(true);
});

/** A certificate of version 1 for a name, signed with its own key. */
function selfSigned(name: string): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const ecdsaWithSha256 = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'));
  const commonName = der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(name)));
  const subject = der(0x30, der(0x31, commonName));
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z')));
  const key = publicKey.export({ format: 'der', type: 'spki' });
  const body = der(0x30, der(0x02, Buffer.from([1])), ecdsaWithSha256, subject, validity, subject, key);
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const cert = der(0x30, body, ecdsaWithSha256, signature).toString('base64');
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${cert.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  };
}

/** A field of ASN.1: tag, length, value. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
