/** Directories for one test file, removed when its tests are over; and errors as a failing disk gives them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'

export function temporaryDirectory(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dfs-store-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** What node:fs throws for a system call that failed with this errno. */
export function diskError(code: 'EIO' | 'ENOSPC' | 'ENOENT' | 'EMFILE' | 'EEXIST' | 'EPERM'): Error {
  return Object.assign(new Error(`${code}: injected`), { code, errno: -constants.errno[code] })
}
