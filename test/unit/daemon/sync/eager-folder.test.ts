import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { EagerFolder } from '../../../../src/daemon/sync/eager-folder.ts'
import type { ObjectChange } from '../../../../src/dfs.ts'
import { DfsError } from '../../../../src/errors.ts'
import type { OutsideObject } from '../../../../src/vfs/outside-objects.ts'

const BLOCK_BYTES = 100

/** A folder of files of one block each, which others have or not. */
class FakeFolder {
  readonly id = 'a'.repeat(32)
  readonly path = '/folder'
  readonly events = new EventEmitter()
  readonly here = new Set<string>()
  readonly files = { hydrate: (state: { meta: { mode: number } }, options: Hydration) => this.#hydrate(state, options) }
  readonly outside = { look: (path: string) => this.#look(path), list: async (path: string) => this.#list(path) }
  readonly paths: string[]
  /** What nobody has. */
  readonly nowhere = new Set<string>()
  roomBytes = Number.POSITIVE_INFINITY
  hasOthers = true

  constructor(...paths: string[]) {
    this.paths = paths
  }

  start(t: TestContext): EagerFolder {
    const eager = new EagerFolder({
      // biome-ignore lint/suspicious/noExplicitAny: what of a folder it uses
      folder: this as any,
      pace: () => undefined,
      room: async () => this.roomBytes,
      hasOthers: () => this.hasOthers,
      quietMs: 0,
      againMs: 5,
    })
    t.after(() => eager[Symbol.asyncDispose]())
    return eager
  }

  onChange(listener: (change: ObjectChange) => void): () => void {
    this.events.on('change', listener)
    return () => this.events.off('change', listener)
  }

  /** Resolves once a file is here. */
  async has(path: string): Promise<void> {
    while (!this.here.has(path)) await once(this.events, 'came')
  }

  #look(path: string): OutsideObject | undefined {
    if (this.paths.some((one) => one.startsWith(`${path}/`))) return objectOf('directory', 0)
    const at = this.paths.indexOf(path)
    return at < 0 ? undefined : objectOf('file', at)
  }

  #list(path: string): string[] {
    const inside = this.paths.filter((one) => path === '' || one.startsWith(`${path}/`))
    return [...new Set(inside.map((one) => (path === '' ? one : one.slice(path.length + 1)).split('/')[0]!))]
  }

  async #hydrate({ meta: { mode } }: { meta: { mode: number } }, { pace }: Hydration): Promise<number> {
    const path = this.paths[mode]!
    if (this.here.has(path)) return 0
    await pace(BLOCK_BYTES)
    if (this.nowhere.has(path)) {
      this.events.emit('asked', path)
      throw new DfsError('unreachable', 'nobody has it')
    }
    this.here.add(path)
    this.events.emit('came', path)
    return BLOCK_BYTES
  }
}

interface Hydration {
  readonly pace: (bytes: number) => Promise<void> | undefined
}

/** A file's mode says which it is. */
function objectOf(kind: 'directory' | 'file', mode: number): OutsideObject {
  const content = { kind: 'root', node: Buffer.alloc(1) } as const
  return {
    kind,
    id: undefined,
    identity: `${mode}`,
    content: kind === 'file' ? { kind, size: BLOCK_BYTES, content } : { kind: 'nothing' },
    mtimeNs: 0n,
    attributes: { mode, uid: 0, gid: 0, xattrs: [] },
  }
}

describe('a folder of which all content is to be here', () => {
  it('has all of it fetched, and what comes later', async (t) => {
    const folder = new FakeFolder('one', 'dir/two', 'dir/deep/three')
    const eager = folder.start(t)
    for (const path of folder.paths) await folder.has(path)
    folder.paths.push('dir/four')
    folder.events.emit('change', { path: 'dir/four', isTree: false })
    await folder.has('dir/four')
    assert.equal(eager.state.fetchedBytes >= 3 * BLOCK_BYTES, true)
  })

  it('is without what nobody has until somebody comes who has it', async (t) => {
    const folder = new FakeFolder('one', 'two')
    folder.nowhere.add('one')
    const eager = folder.start(t)
    await folder.has('two')
    assert.equal(eager.state.isComplete, false)
    folder.nowhere.clear()
    eager.retry()
    await folder.has('one')
  })

  it('is tried again when nobody tells of anything', async (t) => {
    const folder = new FakeFolder('one')
    folder.nowhere.add('one')
    folder.start(t)
    await once(folder.events, 'asked')
    folder.nowhere.clear()
    await folder.has('one')
  })

  it('asks nobody where nobody is connected', async (t) => {
    const folder = new FakeFolder('one')
    folder.hasOthers = false
    let asked = 0
    folder.events.on('asked', () => asked++)
    folder.nowhere.add('one')
    const eager = folder.start(t)
    while (eager.state.unreachable === 0) await new Promise(setImmediate)
    assert.equal(asked, 0)
    folder.nowhere.clear()
    folder.hasOthers = true
    eager.retry()
    await folder.has('one')
  })

  it('takes no more than there is room for', async (t) => {
    const folder = new FakeFolder('one', 'two', 'three')
    folder.roomBytes = 2 * BLOCK_BYTES
    const eager = folder.start(t)
    while (!eager.state.isFull) await new Promise(setImmediate)
    assert.equal(folder.here.size, 2)
    folder.roomBytes = BLOCK_BYTES
    await folder.has('three')
  })

  it('fetches nothing once it is closed', async (t) => {
    const folder = new FakeFolder('one')
    const eager = folder.start(t)
    await folder.has('one')
    await eager[Symbol.asyncDispose]()
    assert.equal(folder.events.listenerCount('change'), 0)
  })
})
