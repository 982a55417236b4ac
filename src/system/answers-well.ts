// Asks a server of this machine whether it is healthy. Only loopback addresses come here (docs/patch-json.md), so a certificate
// that was made for another name, or by the server itself, proves as much as is needed.

import http from 'node:http';
import https from 'node:https';

/** Whether a URL answers with a status of 200 to 299 in time and before `signal`; redirections are not followed. */
export function answersWell(url: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (answer: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      request.destroy();
      resolve(answer);
    };
    const stop = () => {
      settle(false);
    };
    const options = { agent: false, rejectUnauthorized: false } as const;
    const take = ({ statusCode = 0 }: http.IncomingMessage) => {
      settle(statusCode >= 200 && statusCode < 300);
    };
    const request = url.startsWith('https:') ? https.get(url, options, take) : http.get(url, { agent: false }, take);
    const timer = setTimeout(stop, timeoutMs);
    request.on('error', stop);
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
  });
}
