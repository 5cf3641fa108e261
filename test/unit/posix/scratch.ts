/** A directory for one test file, opened, and removed when its tests have ended. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { DirFd } from '../../../src/posix/dir-fd.ts'
import { closeFd, O, openAt, pwriteFd } from '../../../src/posix/files.ts'

export interface Scratch {
  readonly path: string
  readonly fd: number
}

export function scratchDirectory(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'dfs-posix-'))
  const directory = DirFd.open(path)
  after(() => {
    directory[Symbol.dispose]()
    rmSync(path, { recursive: true })
  })
  return { path, fd: directory.fd }
}

/** Makes a file with this content below a directory. */
export function makeFile(dirFd: number, name: string, content = ''): void {
  const fd = openAt(dirFd, name, O.WRONLY | O.CREAT | O.EXCL, 0o644)
  pwriteFd(fd, Buffer.from(content), 0)
  closeFd(fd)
}

/** Runs `use` with an open descriptor. */
export function withFd<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd)
  } finally {
    closeFd(fd)
  }
}
