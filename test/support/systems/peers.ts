/** The encrypting file systems dfs is compared with, as their manuals say to use them, keys derived as fast as they allow. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from '../../e2e/support/place.ts'
import { run, runOk, until } from '../../e2e/support/process.ts'
import { fuse, program, root, skipUnless } from '../requirements.ts'
import { ForegroundDaemon } from './foreground-daemon.ts'
import type { SystemKind } from './system.ts'

const PASSWORD = 'correct horse battery staple'

export const gocryptfs: SystemKind = {
  name: 'gocryptfs',
  missing: () => skipUnless(root, fuse, program('gocryptfs')),
  async create(place) {
    const store = makeStore(place)
    const passfile = join(place.root, 'password')
    writeFileSync(passfile, PASSWORD)
    await runOk('gocryptfs', ['-q', '-init', '-scryptn', '10', '-passfile', passfile, store])
    const args = ['-q', '-fg', '-passfile', passfile, store, place.folder]
    return new ForegroundDaemon(place, { name: 'gocryptfs', kept: [store], command: 'gocryptfs', args })
  },
}

export const securefs: SystemKind = {
  name: 'securefs',
  missing: () => skipUnless(root, fuse, program('securefs')),
  async create(place) {
    const store = makeStore(place)
    await runOk('securefs', ['create', '--pass', PASSWORD, '-r', '1', store])
    const args = ['mount', '--pass', PASSWORD, store, place.folder]
    return new ForegroundDaemon(place, { name: 'securefs', kept: [store], command: 'securefs', args })
  },
}

export const cryfs: SystemKind = {
  name: 'cryfs',
  missing: () => skipUnless(root, fuse, program('cryfs')),
  async create(place) {
    const store = makeStore(place)
    const env = { CRYFS_FRONTEND: 'noninteractive', CRYFS_NO_UPDATE_CHECK: 'true' }
    const args = ['-f', store, place.folder]
    return new ForegroundDaemon(place, { name: 'cryfs', kept: [store], command: 'cryfs', args, env, input: PASSWORD })
  },
}

export const rclone: SystemKind = {
  name: 'rclone',
  missing: () => skipUnless(root, fuse, program('rclone')),
  async create(place) {
    const store = makeStore(place)
    const config = join(place.root, 'rclone.conf')
    const cache = join(place.root, 'cache')
    const password = (await runOk('rclone', ['obscure', PASSWORD])).trim()
    writeFileSync(config, `[sealed]\ntype = crypt\nremote = ${store}\npassword = ${password}\n`)
    const flags = ['--config', config, '--cache-dir', cache, '--vfs-cache-mode', 'full', '--vfs-write-back', '0s']
    const args = ['mount', 'sealed:', place.folder, ...flags]
    const settled = () => until('rclone has stored everything', () => nothingDirty(join(cache, 'vfsMeta')), 600_000)
    return new ForegroundDaemon(place, { name: 'rclone', kept: [store], command: 'rclone', args, cache, settled })
  },
}

/** rclone notes beside each cached file, as JSON, whether it must still be stored. */
async function nothingDirty(metadata: string): Promise<boolean> {
  const { code } = await run('grep', ['-rqs', '"Dirty": *true', metadata])
  return code !== 0
}

function makeStore(place: Place): string {
  const store = join(place.root, 'store')
  mkdirSync(store)
  return store
}
