/**
 * Where Prometheus looks: `http://127.0.0.1:PORT/metrics`, numbers alone. Answers only to that address in `Host`, so that no page in
 * a browser gets here by a name of its own (DNS rebinding), and to no page at all.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Registry } from 'prom-client'
import { METRICS, type Watched } from './metrics.ts'
import { StoreUsage } from './store-usage.ts'

const HOST = '127.0.0.1'
const LAG_RESOLUTION_MS = 20
const LAG_PERCENTILE = 99
const NS_PER_SECOND = 1e9
const CONNECTIONS_MAX = 8
const REQUEST_MS_MAX = 10_000

export interface MetricsEndpoint extends AsyncDisposable {
  readonly port: number
}

/** Serves until it is disposed of. Fails as listening does. `watched`: what is open at that moment. */
export async function serveMetrics(
  port: number,
  watched: () => Pick<Watched, 'parts' | 'network'>,
): Promise<MetricsEndpoint> {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  const usage = new StoreUsage()
  const registry = registryOf(() => {
    const { parts, network } = watched()
    return { parts, network, lagSeconds: () => lagOf(lag), storeBytes: () => usage.of(parts?.store) }
  })
  const server = createServer(
    { requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX },
    (request, response) => {
      answer(request, response, registry).catch(() => response.writableEnded || response.writeHead(500).end())
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  server.listen(port, HOST)
  await once(server, 'listening')
  lag.enable()
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      lag.disable()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function registryOf(watched: () => Watched): Registry {
  const registry = new Registry()
  for (const { name, kind, help, read } of METRICS) {
    const options = { name, help, registers: [registry] }
    if (kind === 'gauge') {
      new Gauge({
        ...options,
        async collect() {
          const value = await read(watched())
          if (value === undefined) this.remove()
          else this.set(value)
        },
      })
    } else {
      new Counter({
        ...options,
        async collect() {
          const value = await read(watched())
          this.reset()
          this.inc(value ?? 0)
        },
      })
    }
  }
  return registry
}

async function answer(request: IncomingMessage, response: ServerResponse, registry: Registry): Promise<void> {
  const refused = refusalOf(request)
  if (refused !== undefined) {
    response.writeHead(refused).end()
    return
  }
  const text = await registry.metrics()
  response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text)
}

/** The status of what is not answered: as `cli/ui/request-rules` for its page. */
function refusalOf({ method, url, headers, socket }: IncomingMessage): number | undefined {
  const hosts = [`${HOST}:${socket.localPort}`, `localhost:${socket.localPort}`]
  if (headers.host === undefined || !hosts.includes(headers.host)) return 421
  const site = headers['sec-fetch-site']
  if (headers.origin !== undefined || (site !== undefined && site !== 'none')) return 403
  if (method !== 'GET' && method !== 'HEAD') return 405
  return url === '/metrics' ? undefined : 404
}

function lagOf(lag: ReturnType<typeof monitorEventLoopDelay>): number {
  // What is measured is the time from one tick to the next.
  const lateNs = lag.percentile(LAG_PERCENTILE) - LAG_RESOLUTION_MS * 1e6
  lag.reset()
  return Math.max(0, lateNs || 0) / NS_PER_SECOND
}
