/**
 * Which requests are listened to at all, by their headers: those that a browser sends to this address itself, from its own pages
 * or from an address that a person opened. Everything else may come from a page of somebody else in the same browser.
 */
import type { IncomingHttpHeaders } from 'node:http'

export interface Refusal {
  readonly status: 403 | 405 | 421
  readonly why: string
}

export interface RequestHead {
  readonly method: string | undefined
  readonly headers: IncomingHttpHeaders
  /** The port that this connection came to. */
  readonly port: number
}

/** Undefined for a request that may be looked at further. */
export function refusalOf({ method, headers, port }: RequestHead): Refusal | undefined {
  const { host, origin, 'sec-fetch-site': site } = headers
  // A name of somebody else's that leads here (DNS rebinding) makes their page and this one look like one.
  if (host === undefined || !hosts(port).includes(host)) return { status: 421, why: 'this is no address of this page' }
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') return { status: 405, why: 'no such method' }
  // Another port of this machine is another site: `same-site` is not enough.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return fromElsewhere()
  if (origin !== undefined && origin !== `http://${host}`) return fromElsewhere()
  if (method === 'POST' && origin === undefined) return fromElsewhere()
  return undefined
}

function hosts(port: number): string[] {
  return [`127.0.0.1:${port}`, `localhost:${port}`]
}

function fromElsewhere(): Refusal {
  return { status: 403, why: 'this request was sent by another page' }
}
