/**
 * Which addresses to listen on: the wanted port, or the next that is free where nobody insists on it.
 */
import { createServer } from 'node:net'
import { DfsError } from '../errors.ts'

export const DEFAULT_PORT = 8080
const PORTS_TRIED = 100

export interface ListenOptions {
  /** 0: any. Default: 8080. */
  port?: number
  /** The port was asked for: if it is taken that is an error, and no other is used. */
  explicit?: boolean
  /** IP addresses. Default: all, IPv4 and IPv6. */
  hosts?: readonly string[]
}

export interface ListenPlace {
  port: number
  /** The hosts this machine has. */
  hosts: string[]
}

type Probe = 'free' | 'taken' | 'absent'

/** Fails with `busy` if the port (or, when it is not explicit, every one of the next hundred) is taken. */
export async function chooseListenPlace(options: ListenOptions): Promise<ListenPlace> {
  const { port = DEFAULT_PORT, explicit = false, hosts = ['0.0.0.0', '::'] } = options
  if (port === 0) return { port, hosts: await presentHosts(hosts) }
  const last = explicit ? port : Math.min(port + PORTS_TRIED, 65_535)
  for (let candidate = port; candidate <= last; candidate++) {
    const probes = await Promise.all(hosts.map((host) => probe(host, candidate)))
    const present = hosts.filter((_host, index) => probes[index] !== 'absent')
    if (present.length > 0 && !probes.includes('taken')) return { port: candidate, hosts: present }
  }
  throw takenError(port, explicit)
}

export function listenAddresses({ port, hosts }: ListenPlace): string[] {
  return hosts.map((host) => `/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}`)
}

async function presentHosts(hosts: readonly string[]): Promise<string[]> {
  const probes = await Promise.all(hosts.map((host) => probe(host, 0)))
  return hosts.filter((_host, index) => probes[index] === 'free')
}

function probe(host: string, port: number): Promise<Probe> {
  const { promise, resolve, reject } = Promise.withResolvers<Probe>()
  const server = createServer()
  server.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve('taken')
    else if (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL') resolve('absent')
    else reject(new DfsError('io', `cannot listen on ${host} port ${port}: ${error.message}`, { cause: error }))
  })
  server.listen({ host, port, ipv6Only: host.includes(':'), exclusive: true }, () =>
    server.close(() => resolve('free')),
  )
  return promise
}

function takenError(port: number, explicit: boolean): DfsError {
  const what = explicit ? `port ${port} is taken` : `port ${port} and the ${PORTS_TRIED} after it are taken`
  return new DfsError('busy', what, { op: 'listen', mend: 'choose another with "dfs config set port NUMBER"' })
}
