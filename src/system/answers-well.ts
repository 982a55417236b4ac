// Asks a server of this machine whether it is healthy. Only loopback addresses come here (docs/patch-json.md), so a certificate
// that was made for another name, or by the server itself, proves as much as is needed.

import http from 'node:http';
import https from 'node:https';

/** Whether a URL answers with a status of 200 to 299 in time; redirections are not followed. */
export function answersWell(url: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (answer: boolean) => {
      clearTimeout(timer);
      request.destroy();
      resolve(answer);
    };
    const options = { agent: false, rejectUnauthorized: false } as const;
    const take = ({ statusCode = 0 }: http.IncomingMessage) => {
      settle(statusCode >= 200 && statusCode < 300);
    };
    const request = url.startsWith('https:') ? https.get(url, options, take) : http.get(url, { agent: false }, take);
    const timer = setTimeout(() => {
      settle(false);
    }, timeoutMs);
    request.on('error', () => {
      settle(false);
    });
  });
}
