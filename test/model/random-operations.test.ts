/**
 * Random operations through the mount behave as in the model, remounts and crashes of the daemon between them
 * included. DFS_MODEL_SEED repeats a run, DFS_MODEL_SECONDS makes it longer, DFS_MODEL_OPERATIONS ends it sooner.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newPlace } from '../e2e/support/place.ts'
import { Random, seedFrom } from '../support/random.ts'
import type { System } from '../support/systems/system.ts'
import { target } from '../support/systems/target.ts'
import { ModelTree } from './model-tree.ts'
import { type Operation, Operations } from './operations.ts'
import { RealTree } from './real-tree.ts'
import type { Path, Tree } from './tree.ts'

const SECONDS = Number(process.env.DFS_MODEL_SECONDS ?? 10)
const OPERATIONS_MAX = Number(process.env.DFS_MODEL_OPERATIONS ?? Number.POSITIVE_INFINITY)
const COMPARE_EVERY = 150
const REMOUNT_EVERY = 400
const HISTORY_SHOWN = 40

test('random operations through the mount do what the model does', { skip: target.missing() }, async (t) => {
  const seed = seedFrom('DFS_MODEL_SEED')
  const system = await target.create(newPlace(t))
  await system.mount()
  process.umask(0o022)
  const run = new Run(system, seed)
  try {
    await run.runFor(SECONDS * 1000)
  } catch (error) {
    const history = run.history.slice(-HISTORY_SHOWN).join('\n')
    throw new Error(`DFS_MODEL_SEED=${seed}, after ${run.history.length} operations:\n${history}`, { cause: error })
  }
  t.diagnostic(`seed ${seed}: ${run.history.length} operations`)
  await system.unmount()
})

class Run {
  readonly history: string[] = []
  readonly #system: System
  readonly #random: Random
  readonly #model = new ModelTree()
  readonly #real: RealTree
  readonly #operations: Operations

  constructor(system: System, seed: number) {
    this.#system = system
    this.#random = new Random(seed)
    this.#real = new RealTree(system.root)
    this.#operations = new Operations(this.#random, this.#model)
  }

  async runFor(ms: number): Promise<void> {
    const end = Date.now() + ms
    for (let count = 1; Date.now() < end && count <= OPERATIONS_MAX; count++) {
      this.#step(this.#operations.next())
      if (count % COMPARE_EVERY === 0) this.#compareAll()
      if (count % REMOUNT_EVERY === 0) await this.#remount()
    }
    await this.#remount()
  }

  /** Whether ended by `unmount` or by SIGKILL: everything closed is there afterwards. */
  async #remount(): Promise<void> {
    for (const key of [...this.#operations.open]) this.#step({ name: 'close', args: [key] })
    this.#compareAll()
    const crash = this.#random.oneIn(2)
    this.history.push(crash ? '(killed and mounted again)' : '(unmounted and mounted again)')
    await (crash ? this.#system.kill() : this.#system.unmount())
    await this.#system.mount()
    this.#compareAll()
  }

  #step(operation: Operation): void {
    this.history.push(describe(operation))
    const expected = perform(this.#model, operation)
    const actual = perform(this.#real, operation)
    compare(actual, expected, describe(operation))
    if (expected.error !== undefined) return
    if (operation.name === 'open') this.#operations.open.add(operation.args[0] as number)
    if (operation.name === 'close') this.#operations.open.delete(operation.args[0] as number)
  }

  #compareAll(): void {
    const seen = (name: Operation['name'], path: Path) => {
      const operation: Operation = { name, args: [path] }
      compare(perform(this.#real, operation), perform(this.#model, operation), describe(operation))
    }
    seen('list', [])
    for (const path of this.#model.paths()) {
      seen('stat', path)
      seen('listXattrs', path)
    }
    for (const path of this.#model.paths('directory')) seen('list', path)
    for (const path of this.#model.paths('file')) seen('read', path)
    for (const path of this.#model.paths('symlink')) seen('readlink', path)
  }
}

interface Result {
  value?: unknown
  /** An errno's name. */
  error?: string
}

function perform(tree: Tree, { name, args }: Operation): Result {
  try {
    return { value: (tree[name] as (...args: unknown[]) => unknown).apply(tree, args) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return { error: code }
  }
}

function compare(actual: Result, expected: Result, what: string): void {
  const unknown = (expected.value as { mtime?: number } | undefined)?.mtime === undefined
  if (unknown && actual.value instanceof Object && 'mtime' in actual.value) actual.value.mtime = undefined
  if (Buffer.isBuffer(actual.value) && Buffer.isBuffer(expected.value)) {
    const same = actual.value.equals(expected.value)
    assert(same, `${what}: ${firstDifference(actual.value, expected.value)}`)
  } else assert.deepEqual(actual, expected, what)
}

function firstDifference(actual: Buffer, expected: Buffer): string {
  const length = Math.min(actual.length, expected.length)
  let at = 0
  while (at < length && actual[at] === expected[at]) at++
  return `${actual.length} bytes instead of ${expected.length}, different from offset ${at} on`
}

function describe({ name, args }: Operation): string {
  const words = args.map((arg) =>
    Buffer.isBuffer(arg) ? `${arg.length} bytes` : Array.isArray(arg) ? arg.join('/') : arg,
  )
  return `${name}(${words.map((word) => String(word).replaceAll('long'.repeat(50), 'LONG')).join(', ')})`
}
