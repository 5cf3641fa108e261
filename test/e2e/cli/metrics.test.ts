/** The setting `metricsPort`. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import test from 'node:test'
import { freePort, newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'

const skip = fuseMissing()

/** Metrics by name. */
async function metricsAt(port: number): Promise<Record<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  assert.equal(response.status, 200)
  const lines = [...(await response.text()).matchAll(/^(dfs_\w+) (\S+)$/gm)]
  return Object.fromEntries(lines.map(([, name, value]) => [name, Number(value)]))
}

test('what is read and written shows in the metrics', { skip }, async (t) => {
  const place = newPlace(t)
  const port = await freePort()
  await place.dfsOk(['init'])
  await place.dfsOk(['config', 'set', 'metricsPort', String(port)])
  await place.dfs(['daemon', '--stop'])
  await place.dfsOk(['mount', place.folder])
  const before = await metricsAt(port)
  assert.deepEqual([before.dfs_folders_mounted, before.dfs_written_bytes_total], [1, 0])
  await place.sh(`head -c 300000 /dev/urandom > ${place.folder}/file`)
  await place.dfsOk(['umount', place.folder])
  await place.dfsOk(['mount', place.folder])
  await place.sh(
    `cat ${place.folder}/file > /dev/null; head -c 100000 /dev/urandom > ${place.folder}/other; sync ${place.folder}/other`,
  )
  const after = await metricsAt(port)
  assert.equal(after.dfs_read_bytes_total, 300_000)
  assert.equal(after.dfs_written_bytes_total, 100_000)
  assert.ok(after.dfs_cache_misses_total! > 0)
  assert.ok(after.dfs_resident_memory_bytes! > 10e6)
  assert.equal(after.dfs_peers_connected, 0)
})

test('blocks from another device show on both sides', { skip }, async (t) => {
  const [one, other] = [await newDevice(t), await newDevice(t)]
  const ports = [await freePort(), await freePort()] as const
  await one.dfsOk(['init'])
  await pair(one, other)
  for (const [i, device] of [one, other].entries()) {
    await device.dfsOk(['config', 'set', 'metricsPort', String(ports[i])])
    await device.dfs(['daemon', '--stop'])
  }
  await one.dfsOk(['mount', one.folder])
  await one.sh(`head -c 300000 /dev/urandom > ${one.folder}/file; sync ${one.folder}/file`)
  await one.dfsOk(['umount', one.folder])
  await one.dfsOk(['mount', one.folder, path.join(one.root, 'tmp')])
  await one.sh(`cp ${one.folder}/file.f ${other.folder}/`)
  await other.dfsOk(['mount', other.folder])
  await other.sh(`cat ${other.folder}/file > /dev/null`)
  const [served, fetched] = [await metricsAt(ports[0]), await metricsAt(ports[1])]
  assert.ok(served.dfs_served_bytes_total! >= 300_000, JSON.stringify(served))
  assert.ok(fetched.dfs_fetched_bytes_total! >= 300_000, JSON.stringify(fetched))
  assert.deepEqual([served.dfs_peers_connected, fetched.dfs_peers_connected], [1, 1])
})

test('a daemon whose port for metrics is taken runs without, and says so', async (t) => {
  const place = newPlace(t)
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  await place.dfsOk(['init'])
  await place.dfsOk(['config', 'set', 'metricsPort', String(port)])
  await place.dfs(['daemon', '--stop'])
  await place.dfsOk(['id'])
  assert.match(readFileSync(path.join(place.home, 'daemon.log'), 'utf8'), /metrics are not served: .*EADDRINUSE/)
  assert.equal((await place.dfs(['config', 'set', 'metricsPort', '65536'])).code, 2)
})
