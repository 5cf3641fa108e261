/**
 * Serves a file system in memory at the directory given, for tests of the driver. `--async` has every operation take
 * a turn of the event loop; `--blocks N` makes it a disk of N blocks; `--driver` is `kernel` or `fuse-native`. Says on stdout, a line of JSON each:
 * `{ mounted }`, `{ gone }`, and `{ unmounted }` with what was not given back or `{ failed }` with the kind.
 * A line on stdin unmounts; `lazy` does so lazily.
 */
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Ino } from '../../../src/dfs.ts'
import { kindOf } from '../../../src/errors.ts'
import { fuseNativeDriver } from '../../../src/fuse/fuse-native/driver.ts'
import { kernelDriver } from '../../../src/fuse/kernel/driver.ts'
import type { FilesystemOperations } from '../../../src/vfs/operations.ts'
import { MemoryFilesystem } from './memory-filesystem.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    async: { type: 'boolean', default: false },
    blocks: { type: 'string' },
    driver: { type: 'string', default: 'kernel' },
  },
})
const [target = ''] = positionals
const filesystem = new MemoryFilesystem()
if (values.blocks !== undefined) {
  const blocks = Number(values.blocks)
  Object.assign(filesystem.statistics, { blocks, blocksFree: blocks / 2 })
}

/** The same operations, each done only after a turn of the event loop. */
function slowly(filesystem: MemoryFilesystem): FilesystemOperations {
  return new Proxy<FilesystemOperations>(filesystem, {
    get(_, name: keyof MemoryFilesystem) {
      if (!(name in filesystem)) return undefined
      if (name === 'forget') return (ino: Ino, count: number) => filesystem.forget(ino, count)
      return async (...args: unknown[]) => {
        await nextTurn()
        return (filesystem[name] as (...args: unknown[]) => unknown)(...args)
      }
    },
  })
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

const driver = values.driver === 'fuse-native' ? fuseNativeDriver : kernelDriver
const asRoot = process.geteuid?.() === 0
const onGone = (why: string): void => {
  say({ gone: why, ...filesystem.outstanding })
  commands.close()
}
const commands = createInterface({ input: process.stdin })

try {
  const mounted = await driver.mount({
    filesystem: values.async ? slowly(filesystem) : filesystem,
    target,
    asRoot,
    fsname: 'memory',
    onGone,
  })
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
