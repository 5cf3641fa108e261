/** The bench's pass-through in C, built where it is used: what the kernel's FUSE and libfuse cost without any sealing. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runOk } from '../../e2e/support/process.ts'
import { fuse, program, type Requirement, root, skipUnless } from '../requirements.ts'
import { ForegroundDaemon } from './foreground-daemon.ts'
import type { SystemKind } from './system.ts'

const SOURCE = join(import.meta.dirname, '..', '..', 'bench', 'pass-through.c')

export const passThrough: SystemKind = {
  name: 'pass-through',
  missing: () => skipUnless(root, fuse, program('cc'), program('pkg-config'), libfuse3),
  async create(place) {
    const store = join(place.root, 'store')
    mkdirSync(store)
    const command = join(place.root, 'pass-through')
    const libraries = libfuse3Flags().split(/\s+/)
    await runOk('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', command, SOURCE, ...libraries, '-lpthread'])
    const args = [store, place.folder]
    return new ForegroundDaemon(place, { name: 'pass-through', kept: [store], command, args })
  },
}

const libfuse3: Requirement = () => {
  try {
    libfuse3Flags()
    return false
  } catch {
    return 'needs libfuse3-dev'
  }
}

function libfuse3Flags(): string {
  return execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8', stdio: 'pipe' }).trim()
}
