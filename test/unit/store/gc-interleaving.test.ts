/**
 * Garbage collection beside work that goes on: at every point where a collection lets others run, and before every
 * single deletion, some operations of a random script run. No block that is referenced or pinned may ever be gone.
 */
import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Cid, ReferenceSource } from '../../../src/dfs.ts'
import { BlockFiles } from '../../../src/store/block-files.ts'
import { type Collected, collectGarbage } from '../../../src/store/gc.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import type { SweepableStore } from '../../../src/store/pins.ts'
import { type TestBlock, testBlock } from '../../conformance/block-store.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const BLOCKS = Array.from({ length: 8 }, (_, seed) => testBlock(seed + 1000, seed % 2 === 0 ? 40 : 40_000))
const SLOTS = 5

interface Step {
  readonly op:
    | 'put'
    | 'publish'
    | 'checkpoint'
    | 'copy'
    | 'move back'
    | 'drop'
    | 'drop commit'
    | 'pin'
    | 'unpin'
    | 'rest'
  readonly block: number
  readonly from: number
  readonly to: number
}

const steps = fc.array(
  fc.record<Step>({
    op: fc.constantFrom(
      'put',
      'put',
      'publish',
      'publish',
      'checkpoint',
      'copy',
      'move back',
      'drop',
      'drop commit',
      'pin',
      'unpin',
      'rest',
    ),
    block: fc.nat(BLOCKS.length - 1),
    from: fc.nat(SLOTS - 1),
    to: fc.nat(SLOTS - 1),
  }),
  { minLength: 20, maxLength: 150 },
)

/** A journal and stubs that refer to blocks of a store, and writes in flight. */
class World {
  readonly #store: SweepableStore
  readonly #journal: Cid[] = []
  readonly #stubs: (Cid | undefined)[] = Array.from({ length: SLOTS })
  readonly #pinned: Cid[] = []
  /** Puts that have resolved, to be published. */
  readonly #kept: Cid[] = []
  readonly #putting = new Set<Promise<void>>()
  #script: Step[]

  constructor(store: SweepableStore, script: Step[]) {
    this.#store = store
    this.#script = [...script]
  }

  get needed(): Set<Cid> {
    return new Set([
      ...this.#journal,
      ...this.#stubs.filter((cid) => cid !== undefined),
      ...this.#pinned,
      ...this.#kept,
    ])
  }

  /** Runs a step or two. */
  turn(): void {
    const step = this.#script.shift()
    if (step === undefined) return
    this.#run(step)
    this.check()
    if (step.from % 2 === 0) this.turn()
  }

  /** Runs the rest of the script. */
  async finish(): Promise<void> {
    while (this.#script.length > 0) this.turn()
    await this.settle()
  }

  check(): void {
    for (const cid of this.needed) assert.ok(this.#store.has(cid), 'a block that is needed was deleted')
  }

  async settle(): Promise<void> {
    await Promise.all(this.#putting)
  }

  /** In the order that a mark asks for: what leaves the journal goes to the stubs. */
  sources(): ReferenceSource[] {
    return [
      { name: 'journal', references: () => this.#read([...this.#journal]) },
      { name: 'stubs', references: () => this.#read(this.#stubs) },
    ]
  }

  /** The store as the collection sees it: work goes on between any two of its steps. */
  storeWithTurns(): SweepableStore {
    const [world, store] = [this, this.#store]
    return Object.assign(Object.create(store), {
      async *list() {
        for await (const found of store.list()) {
          world.turn()
          yield found
        }
      },
      beginSweep() {
        const sweep = store.beginSweep()
        return {
          protects: sweep.protects,
          delete: (cid: Cid) => {
            world.turn()
            return sweep.delete(cid)
          },
          [Symbol.dispose]: () => sweep[Symbol.dispose](),
        }
      },
    })
  }

  /** Reads the slots as they are when it comes to them: `list` is a copy for a journal, which moves up under its reader. */
  async *#read(list: (Cid | undefined)[]): AsyncGenerator<Cid> {
    this.turn()
    for (let at = 0; at < list.length; at++) {
      const cid = list[at]
      if (cid !== undefined) yield cid
      if (at % 2 === 0) await new Promise(setImmediate)
      this.turn()
    }
  }

  #run({ op, block, from, to }: Step): void {
    const stub = this.#stubs[from]
    if (op === 'put') this.#put(BLOCKS[block]!)
    else if (op === 'publish') this.#publish()
    else if (op === 'checkpoint') this.#checkpoint(to)
    else if (op === 'copy' && stub !== undefined) this.#pinnedWhile(stub, () => this.#setStub(to, stub))
    else if (op === 'move back' && stub !== undefined) this.#moveBack(from, stub)
    else if (op === 'drop') this.#setStub(from, undefined)
    else if (op === 'drop commit') this.#journal.pop()
    else if (op === 'pin' && stub !== undefined) this.#pin(stub)
    else if (op === 'unpin') this.#unpin()
  }

  #put({ ref, bytes }: TestBlock): void {
    const putting = this.#store.put(ref, bytes).then(() => {
      this.#kept.push(ref.cid)
      this.#putting.delete(putting)
    })
    this.#putting.add(putting)
  }

  #publish(): void {
    const cid = this.#kept.shift()
    if (cid === undefined) return
    this.#journal.push(cid)
    this.#store.unpin(cid)
  }

  /** From an earlier source to a later one: needs no pin. */
  #checkpoint(to: number): void {
    const cid = this.#journal.shift()
    if (cid !== undefined) this.#setStub(to, cid)
  }

  #moveBack(from: number, cid: Cid): void {
    this.#pinnedWhile(cid, () => {
      this.#journal.unshift(cid)
      this.#setStub(from, undefined)
    })
  }

  #pinnedWhile(cid: Cid, work: () => void): void {
    this.#store.pin(cid)
    work()
    this.#store.unpin(cid)
  }

  #pin(cid: Cid): void {
    this.#store.pin(cid)
    this.#pinned.push(cid)
  }

  #unpin(): void {
    const cid = this.#pinned.shift()
    if (cid !== undefined) this.#store.unpin(cid)
  }

  #setStub(at: number, cid: Cid | undefined): void {
    this.#stubs[at] = cid
  }
}

async function listed(store: SweepableStore): Promise<Set<Cid>> {
  const cids = new Set<Cid>()
  for await (const { cid } of store.list()) cids.add(cid)
  return cids
}

describe('collectGarbage beside other work', () => {
  const dir = temporaryDirectory()
  const stores: [string, number, () => Promise<SweepableStore>][] = [
    ['MemoryBlocks', 100, async () => new MemoryBlocks()],
    ['BlockFiles', 10, () => BlockFiles.open(dir)],
  ]
  const candidatesFile = path.join(temporaryDirectory(), 'candidates')
  let deletedInAll = 0

  for (const [name, numRuns, makeStore] of stores) {
    it(`never deletes a block of ${name} that is referenced or pinned, and at last all others`, async () => {
      const neverLost = fc.asyncProperty(steps, fc.boolean(), async (script, graceful) => {
        const store = await makeStore()
        const world = new World(store, script)
        let nowMs = 0
        const collect = async (gracePeriodMs: number): Promise<Collected> => {
          nowMs += 1000
          const collected = await collectGarbage({
            store: world.storeWithTurns(),
            sources: world.sources(),
            candidatesFile,
            clock: { nowMs: () => nowMs },
            gracePeriodMs,
          })
          world.check()
          return collected
        }
        for (let round = 0; round < 4; round++) {
          for (let turn = 0; turn < 5; turn++) world.turn()
          deletedInAll += (await collect(graceful ? 1000 : 0)).deleted
          await world.settle()
        }
        await world.finish()
        await collect(0)
        assert.deepEqual(await listed(store), world.needed)
      })
      await fc.assert(neverLost, { numRuns })
      assert.ok(deletedInAll > 0, 'the scripts never made garbage')
    })
  }
})
