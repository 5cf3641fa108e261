/** A stock IPFS client fetches the encrypted blocks of a device that has its bitswap face on. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Device, newDevice } from '../e2e/support/device.ts'
import { fuseMissing } from '../e2e/support/mount.ts'
import { run } from '../e2e/support/process.ts'
import { mountAll, putFiles } from '../e2e/support/sharing.ts'

const here = path.dirname(fileURLToPath(import.meta.url))
const isInstalled = existsSync(path.join(here, 'node_modules'))
const skip = fuseMissing() || (isInstalled ? false : 'needs an IPFS client: npm run test:interop')

/** The CIDs of blocks that the device holds, with their bytes. */
async function blocksOf(device: Device, most: number): Promise<Map<string, Buffer>> {
  const files = await device.sh(`find "${device.home}/blocks" -type f | head -${most}`)
  return new Map(
    files
      .trim()
      .split('\n')
      .map((file) => [path.basename(file), readFileSync(file)]),
  )
}

function fetchAsStranger(device: Device, address: string, mode: string, cids: Iterable<string>) {
  const args = [path.join(here, 'stock-client.mjs'), address, mode, ...cids]
  return run(process.execPath, args, { cwd: here, env: device.env })
}

test('a stock client that knows BLAKE3 fetches encrypted blocks by their CIDs', { skip }, async (t) => {
  // Alone in its network: it starts for strangers only.
  const laptop = await newDevice(t, { config: { bitswap: 'on' } })
  await laptop.dfsOk(['init'])
  await putFiles(laptop, { film: randomBytes(9 * 1024 * 1024) })
  await mountAll(laptop)
  const { addresses } = (await laptop.json('peers')).network
  const address = addresses.find((one: string) => one.includes('/ip4/'))
  const blocks = await blocksOf(laptop, 60)

  const { code, stdout, stderr } = await fetchAsStranger(laptop, address, 'with-blake3', blocks.keys())
  assert.equal(code, 0, stderr)
  const fetched = stdout.trim().split('\n')
  assert.deepEqual(
    fetched,
    [...blocks.values()].map((bytes) => bytes.toString('base64')),
  )

  // Why the README says that the client must be given the hash.
  const without = await fetchAsStranger(laptop, address, 'without', [...blocks.keys()].slice(0, 1))
  assert.notEqual(without.code, 0)
  assert.equal(without.stdout, '')
})
