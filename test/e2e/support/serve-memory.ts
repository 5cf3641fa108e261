/**
 * Serves a file system in memory at the directory given, for tests of the driver. Says on stdout, a line of JSON each:
 * `{ mounted }`, `{ gone }`, and `{ unmounted }` with what was not given back or `{ failed }` with the kind.
 * A line on stdin unmounts; `lazy` does so lazily.
 */
import { createInterface } from 'node:readline'
import { kindOf } from '../../../src/errors.ts'
import { fuseNativeDriver } from '../../../src/fuse/fuse-native/driver.ts'
import { MemoryFilesystem } from './memory-filesystem.ts'

const [target = '', blocks] = process.argv.slice(2)
const filesystem = new MemoryFilesystem()
if (blocks !== undefined)
  Object.assign(filesystem.statistics, { blocks: Number(blocks), blocksFree: Number(blocks) / 2 })

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

const asRoot = process.geteuid?.() === 0
const onGone = (why: string): void => {
  say({ gone: why, ...filesystem.outstanding })
  commands.close()
}
const commands = createInterface({ input: process.stdin })

try {
  const mounted = await fuseNativeDriver.mount({ filesystem, target, asRoot, fsname: 'memory', onGone })
  say({ mounted: target })
  commands.on('line', async (line) => {
    try {
      await mounted.unmount({ lazy: line === 'lazy' })
      say({ unmounted: filesystem.outstanding })
      commands.close()
    } catch (error) {
      say({ failed: kindOf(error) })
    }
  })
} catch (error) {
  say({ failed: kindOf(error) })
  commands.close()
}
