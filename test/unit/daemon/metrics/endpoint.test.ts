import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get, type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import test, { type TestContext } from 'node:test'
import { COUNT, count } from '../../../../src/concurrency/counters.ts'
import { serveMetrics } from '../../../../src/daemon/metrics/endpoint.ts'
import { METRICS } from '../../../../src/daemon/metrics/metrics.ts'
import { StoreUsage } from '../../../../src/daemon/metrics/store-usage.ts'

const page = readFileSync(new URL('../../../../native-notes/METRICS.md', import.meta.url), 'utf8')

async function newEndpoint(t: TestContext) {
  const endpoint = await serveMetrics(0, () => ({ parts: undefined, network: undefined }))
  t.after(() => endpoint[Symbol.asyncDispose]())
  return async (path: string, headers: IncomingHttpHeaders = {}, method = 'GET') => {
    const asked = request({ host: '127.0.0.1', port: endpoint.port, path, headers, method, agent: false }).end()
    const [response] = await once(asked, 'response')
    return { status: response.statusCode as number, body: await text(response) }
  }
}

test('METRICS.md has every metric, as the endpoint says it, and no other', async (t) => {
  const listed = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| (.*) \|$/gm)].map(([, name, kind, help]) => ({
    name,
    kind,
    help,
  }))
  assert.deepEqual(
    listed,
    METRICS.map(({ name, kind, help }) => ({ name, kind, help })),
  )
  const { body } = await (await newEndpoint(t))('/metrics')
  for (const { name, kind, help } of listed) {
    assert.ok(body.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`), name)
  }
})

test('counters are what was counted, however often they are looked at, and what is not known is left out', async (t) => {
  const ask = await newEndpoint(t)
  const read = async () => Number(/^dfs_read_bytes_total (\d+)$/m.exec((await ask('/metrics')).body)?.[1])
  const before = await read()
  count(COUNT.readBytes, 4096)
  assert.deepEqual([await read(), await read()], [before + 4096, before + 4096])
  const { body } = await ask('/metrics')
  assert.match(body, /^dfs_resident_memory_bytes \d+$/m)
  assert.match(body, /^dfs_event_loop_lag_seconds [\d.e-]+$/m)
  assert.doesNotMatch(body, /^dfs_dirty_bytes/m)
})

test('only this address is answered, and no page', async (t) => {
  const ask = await newEndpoint(t)
  assert.equal((await ask('/metrics', { host: 'rebound.example' })).status, 421)
  assert.equal((await ask('/metrics', { origin: 'http://page.example' })).status, 403)
  assert.equal((await ask('/metrics', { 'sec-fetch-site': 'same-site' })).status, 403)
  assert.equal((await ask('/metrics', { 'sec-fetch-site': 'none' })).status, 200)
  assert.equal((await ask('/metrics', {}, 'POST')).status, 405)
  assert.equal((await ask('/')).status, 404)
})

test('a port that is taken is told of', async (t) => {
  const endpoint = await serveMetrics(0, () => ({ parts: undefined, network: undefined }))
  t.after(() => endpoint[Symbol.asyncDispose]())
  await assert.rejects(
    serveMetrics(endpoint.port, () => ({ parts: undefined, network: undefined })),
    { code: 'EADDRINUSE' },
  )
  // It did not end the one that is there.
  const [response] = await once(
    get({ host: '127.0.0.1', port: endpoint.port, path: '/metrics', agent: false }),
    'response',
  )
  response.resume()
  assert.equal(response.statusCode, 200)
})

test('the store is walked once for many looks', async () => {
  let walks = 0
  const store = { usage: async () => ({ blocks: 1, bytes: 100 * ++walks }) }
  const usage = new StoreUsage()
  assert.equal(usage.of(undefined), undefined)
  assert.equal(usage.of(store), undefined)
  await Promise.resolve()
  assert.deepEqual([usage.of(store), usage.of(store), walks], [100, 100, 1])
})
