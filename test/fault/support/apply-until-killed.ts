/** A process that brings a head back and may be killed on the way: `apply-until-killed.ts DIRECTORY`. Says `begun` when it begins. */

import type { HeadEntry } from '../../../src/format/head-entry.ts'
import { apply } from '../../unit/sync/folder-heads.ts'
import { directoryEntry, fileEntry } from '../../unit/sync/support.ts'

const DIRECTORIES = 40
const FILES = 50

export function* entriesToApply(): Generator<HeadEntry> {
  yield directoryEntry('')
  for (let at = 100; at < 100 + DIRECTORIES; at++) {
    yield directoryEntry(`${at}`)
    const linked = { ...fileEntry(`${at}/100`), linkGroup: Buffer.alloc(16, at) }
    yield linked
    yield { ...linked, path: `${at}/101` }
    for (let file = 102; file < 100 + FILES; file++) yield fileEntry(`${at}/${file}`, at, file)
    yield { kind: 'symlink', path: `${at}/link`, uid: 1, gid: 1, mtimeNs: 1n, target: `${at}` }
  }
}

if (import.meta.main) {
  process.stdout.write('begun\n')
  await apply(entriesToApply(), process.argv[2]!)
}
