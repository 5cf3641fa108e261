import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { repairBlocks } from '../../../src/daemon/operations/repair-blocks.ts'
import type { BlockSource, Cid } from '../../../src/dfs.ts'
import { DfsError, type ErrorKind } from '../../../src/errors.ts'
import { MemoryBlocks } from '../../../src/store/memory-blocks.ts'
import { testBlock } from '../../conformance/block-store.ts'

const BLOCKS = Array.from({ length: 150 }, (_, seed) => testBlock(seed, 100 + seed))
const REFS = BLOCKS.map(({ ref }) => ref)

/** Gives the blocks, but for those of which nobody has any; counts how often it was asked. */
function sourceWithout(missing: ReadonlySet<Cid>) {
  const asked: Cid[] = []
  const source: BlockSource = {
    fetch: ({ cid }) => {
      asked.push(cid)
      const found = BLOCKS.find(({ ref }) => ref.cid === cid)!
      const block = missing.has(cid)
        ? Promise.reject(new DfsError('unreachable', 'nobody has it'))
        : Promise.resolve(found.bytes)
      block.catch(() => {})
      return { block, prefer: () => {}, release: () => {} }
    },
  }
  return { source, asked }
}

function options(source: BlockSource, store = new MemoryBlocks()) {
  const progress: number[] = []
  const onProgress = ({ done }: { done: number }) => progress.push(done)
  return { store, source, signal: new AbortController().signal, onProgress, progress }
}

class FailingBlocks extends MemoryBlocks {
  readonly #kind: ErrorKind

  constructor(kind: ErrorKind) {
    super()
    this.#kind = kind
  }

  override put(): Promise<void> {
    return Promise.reject(new DfsError(this.#kind, 'cannot be written', { mend: 'free space' }))
  }
}

describe('repairing blocks', () => {
  it('keeps what others give, and says what nobody gives, with the mend', async () => {
    const { source } = sourceWithout(new Set([REFS[1]!.cid]))
    const given = options(source)
    const failed = await repairBlocks(REFS.slice(0, 3), given)
    assert.deepEqual(
      REFS.slice(0, 3).map(({ cid }) => given.store.has(cid)),
      [true, false, true],
    )
    assert.deepEqual([...failed.keys()], [REFS[1]!.cid])
    assert.match(failed.get(REFS[1]!.cid)!, /no device that is reached gives it; connect a device that has it/)
    assert.deepEqual(given.progress, [1, 2, 3])
  })

  it('does not go on when the disk is full', async () => {
    const { source, asked } = sourceWithout(new Set())
    const failed = await repairBlocks(REFS, options(source, new FailingBlocks('no-space')))
    assert.equal(failed.size, REFS.length)
    assert(asked.length < 20, `${asked.length} were fetched in vain`)
    for (const why of failed.values()) assert.match(why, /cannot be written; free space/)
  })

  it('gives up once nobody gave very many in a row', async () => {
    const { source, asked } = sourceWithout(new Set(REFS.map(({ cid }) => cid)))
    const failed = await repairBlocks(REFS, options(source))
    assert.equal(failed.size, REFS.length)
    assert(asked.length < REFS.length)
  })

  it('ends when it is called off', async () => {
    const { source } = sourceWithout(new Set())
    const signal = AbortSignal.abort(new DfsError('aborted', 'stopped'))
    await assert.rejects(repairBlocks(REFS, { ...options(source), signal }), { kind: 'aborted' })
  })
})
