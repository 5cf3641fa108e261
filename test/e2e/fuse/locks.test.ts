/** Locks between processes: of parts of files (fcntl), and of whole files (flock). */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lockHolder, lockRange } from '../../support/syscalls.ts'
import { assertFails, withFile } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { DRIVER } from '../support/place.ts'
import { run, within } from '../support/process.ts'

const HOLDER = fileURLToPath(new URL('../support/hold-lock.ts', import.meta.url))
const DEADLINE_MS = 30_000

/** Another process that holds a lock until it is killed. */
async function holder(command: string, ...args: string[]) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const ended = once(child, 'exit')
  await within(DEADLINE_MS, once(child.stdout, 'data'), command)
  const end = async () => {
    process.kill(-child.pid!, 'SIGKILL')
    await within(DEADLINE_MS, ended, command)
  }
  return { pid: child.pid!, end }
}

function linkTo(path: string): string {
  fs.linkSync(path, `${path}-2`)
  return `${path}-2`
}

mountedSuite('locks', ({ test }) => {
  test('a part that another process has locked is refused, the rest is not, and its lock ends with it', async (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, Buffer.alloc(1000))
    const other = await holder(process.execPath, HOLDER, path)
    try {
      withFile(path, 'r+', (fd) => {
        lockRange(fd, { type: 'write', start: 0, length: 100 })
        lockRange(fd, { type: 'write', start: 200, length: 0 })
        assertFails('EAGAIN', () => lockRange(fd, { type: 'write', start: 199, length: 1 }))
        assertFails('EAGAIN', () => lockRange(fd, { type: 'read', start: 0, length: 0 }))
        assert.equal(lockHolder(fd, { type: 'read', start: 150, length: 1 }), other.pid)
        assert.equal(lockHolder(fd, { type: 'write', start: 0, length: 100 }), undefined)
      })
    } finally {
      await other.end()
    }
    withFile(path, 'r+', (fd) => lockRange(fd, { type: 'write', start: 0, length: 0 }))
  })

  for (const [title, makeName, skip] of [
    ['', (path: string) => path, false],
    [', also by another name of it', linkTo, DRIVER === 'fuse-native' && 'libfuse 2.9 takes two names for two files'],
  ] as const) {
    test(
      `a file that another process has locked is refused${title}, and free when that ends`,
      async (directory) => {
        const path = join(directory, 'file')
        fs.writeFileSync(path, '')
        const name = makeName(path)
        const tryLock = async (mode: string) => (await run('flock', ['-n', mode, name, 'true'])).code
        const other = await holder('flock', '-s', path, 'sh', '-c', 'echo locked; exec sleep 60')
        try {
          assert.deepEqual([await tryLock('-x'), await tryLock('-s')], [1, 0])
        } finally {
          await other.end()
        }
        assert.equal(await tryLock('-x'), 0)
      },
      { skip },
    )
  }
})
