/**
 * `node test/bench/mount-time.ts [STUBS]`: how long `dfs mount` takes until a folder of 100,000 stubs is ready, the
 * daemon's start included: first with cold caches (if root runs it), then again. Milliseconds.
 */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newPlace } from '../e2e/support/place.ts'
import { runOk } from '../e2e/support/process.ts'
import { root } from '../support/requirements.ts'
import { Scope } from '../support/scope.ts'
import { DfsSystem } from '../support/systems/dfs.ts'

const STUBS = Number(process.argv[2] ?? 100_000)
const PER_DIRECTORY = 1000

await using scope = new Scope()
const place = newPlace(scope.context)
const system = new DfsSystem(place)
await system.mount()
writeFileSync(join(system.root, 'file'), 'content')
await system.unmount()
const stub = readdirSync(system.root).find((name) => name.endsWith('.f'))!
for (let index = 0; index < STUBS; index++) {
  const directory = join(system.root, `${Math.floor(index / PER_DIRECTORY)}`)
  if (index % PER_DIRECTORY === 0) mkdirSync(directory)
  copyFileSync(join(system.root, stub), join(directory, `${index}.f`))
}

await runOk('sync', [])
if (root() === false) writeFileSync('/proc/sys/vm/drop_caches', '3')
const first = await mountMs()
await system.unmount()
const second = await mountMs()
await system.unmount()
console.log(JSON.stringify({ stubs: STUBS, coldMs: Math.round(first), warmMs: Math.round(second) }))

async function mountMs(): Promise<number> {
  const start = performance.now()
  await system.mount()
  readdirSync(system.root)
  return performance.now() - start
}
