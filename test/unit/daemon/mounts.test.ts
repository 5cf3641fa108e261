import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { FolderRegistry } from '../../../src/daemon/folder-registry.ts'
import { Folders } from '../../../src/daemon/folders.ts'
import { Mounts } from '../../../src/daemon/mounts.ts'
import { DfsError } from '../../../src/errors.ts'
import type { Driver, MountOptions } from '../../../src/fuse/driver.ts'
import type { Folder } from '../../../src/vfs/folder.ts'
import { temporaryDirectory } from './temporary.ts'

/** Folders that only remember that they were opened and closed, and a driver that mounts nothing. */
function setUp(t: TestContext) {
  const dir = temporaryDirectory(t)
  const events: string[] = []
  const ids = new Map<string, string>()
  const mounted = new Map<string, MountOptions>()
  const state = { busy: false, ended: 0 }
  const name = (at: string) => path.basename(at)
  const source = {
    idAt: async (at: string) => ids.get(at),
    open: async (at: string) => {
      events.push(`open ${name(at)}`)
      const id = ids.get(at) ?? Buffer.alloc(16, ids.size + 1).toString('hex')
      ids.set(at, id)
      const close = async () => void events.push(`close ${name(at)}`)
      return { id, path: at, filesystem: {}, close } as unknown as Folder
    },
  }
  const driver: Driver = {
    name: 'fake',
    mount: async (options) => {
      mounted.set(options.target, options)
      const unmount = async ({ lazy }: { lazy: boolean }) => {
        if (state.busy && !lazy) throw new DfsError('busy', 'busy')
        events.push(`unmount ${name(options.target)}`)
      }
      return { unmount }
    },
  }
  const registry = FolderRegistry.open(path.join(dir, 'folders.json'))
  const folders = new Folders({ home: path.join(dir, 'home'), registry, source })
  const mounts = new Mounts({ home: path.join(dir, 'home'), folders, drivers: [driver], onEnded: () => state.ended++ })
  const make = (at: string) => {
    const made = path.join(dir, at)
    mkdirSync(made)
    return made
  }
  return { mounts, folders, registry, events, ids, mounted, state, make, dir }
}

test('a folder is open while it is mounted, and closed after', async (t) => {
  const { mounts, events, make, state } = setUp(t)
  const folder = make('a')
  const mount = await mounts.mount(folder, folder, { driver: 'auto' })
  assert.equal(mount.driver, 'fake')
  await mounts.umount(folder, { lazy: false })
  assert.deepEqual(events, ['open a', 'unmount a', 'close a'])
  assert.equal(state.ended, 1)
  assert.equal(mounts.busy, false)
})

test('operations share the folder of a mount', async (t) => {
  const { mounts, folders, events, make } = setUp(t)
  const folder = make('a')
  await mounts.mount(folder, folder, { driver: 'auto' })
  await folders.use(folder, () => events.push('use'))
  await mounts.umountAll()
  assert.deepEqual(events, ['open a', 'use', 'unmount a', 'close a'])
})

test('a folder that was mounted twice at once is mounted once', async (t) => {
  const { mounts, events, make } = setUp(t)
  const folder = make('a')
  const outcomes = await Promise.allSettled([
    mounts.mount(folder, folder, { driver: 'auto' }),
    mounts.mount(folder, folder, { driver: 'auto' }),
  ])
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  assert.deepEqual(events, ['open a'])
})

test('a mount point that is taken is refused', async (t) => {
  const { mounts, make } = setUp(t)
  const [a, b, at] = [make('a'), make('b'), make('at')]
  await mounts.mount(a, at, { driver: 'auto' })
  await assert.rejects(mounts.mount(b, at, { driver: 'auto' }), { kind: 'busy', subject: at })
  await assert.rejects(mounts.mount(a, a, { driver: 'auto' }), { kind: 'busy', subject: a, mend: /umount/ })
  assert.equal(mounts.find(at)?.folder, a)
})

test('a busy mount says so and stays; lazily it goes', async (t) => {
  const { mounts, make, state } = setUp(t)
  const folder = make('a')
  await mounts.mount(folder, folder, { driver: 'auto' })
  state.busy = true
  await assert.rejects(mounts.umount(folder, { lazy: false }), { kind: 'busy', mend: /--lazy/ })
  assert.ok(mounts.find(folder))
  await mounts.umount(folder, { lazy: true })
  assert.equal(mounts.find(folder), undefined)
})

test('a mount that somebody else ended gives its folder back', async (t) => {
  const { mounts, events, make, mounted } = setUp(t)
  const folder = make('a')
  const mount = await mounts.mount(folder, folder, { driver: 'auto' })
  mounted.get(folder)!.onGone('unmounted from outside')
  assert.equal(await mount.ended, 'unmounted from outside')
  assert.deepEqual(events, ['open a', 'close a'])
})

test('a folder whose mount fails is closed', async (t) => {
  const { mounts, events, make } = setUp(t)
  const folder = make('a')
  await assert.rejects(mounts.mount(folder, folder, { driver: 'kernel' }), { kind: 'unsupported', mend: /fake/ })
  assert.deepEqual(events, ['open a', 'close a'])
  assert.equal(mounts.busy, false)
})

test('a copied folder is refused while the original is there, and a moved one is not', async (t) => {
  const { folders, registry, ids, make, dir } = setUp(t)
  const original = make('a')
  await folders.use(original, () => undefined)
  const copy = make('b')
  ids.set(copy, ids.get(original)!)
  await assert.rejects(folders.lease(copy), { kind: 'exists', message: new RegExp(original), mend: /\.dfs/ })
  ids.delete(original)
  await folders.use(copy, () => undefined)
  assert.deepEqual(
    registry.list().map((folder) => folder.path),
    [path.join(dir, 'b')],
  )
})

test('the last user of a folder closes it, and a lease is released once', async (t) => {
  const { folders, events, make } = setUp(t)
  const folder = make('a')
  const [one, two] = await Promise.all([folders.lease(folder), folders.lease(folder)])
  await Promise.all([one.release(), one.release()])
  assert.deepEqual(events, ['open a'])
  await two.release()
  assert.deepEqual(events, ['open a', 'close a'])
})

test('a folder that is not where it was is not begun anew, unless it is given up', async (t) => {
  const { folders, registry, ids, make } = setUp(t)
  const folder = make('a')
  await folders.use(folder, () => undefined)
  const [before] = registry.list()
  ids.delete(folder)
  await assert.rejects(folders.lease(folder), { kind: 'needs-confirmation', mend: /--yes/ })
  assert.deepEqual(registry.list(), [before])
  ids.set(folder, 'f'.repeat(32))
  await assert.rejects(folders.lease(folder), { kind: 'needs-confirmation', message: /another folder/ })
  await folders.use(folder, () => undefined, { replace: true })
  assert.deepEqual(registry.list(), [{ id: 'f'.repeat(32), path: folder }])
})
