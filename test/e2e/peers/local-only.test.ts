/**
 * Programs for whose reads nothing is fetched: they read what is on the device, and are refused the rest at once.
 *
 * Pairing and mounting take seconds and are done once for all: each test has files of its own, and they run in this order.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Scope } from '../../support/scope.ts'
import { type Device, newDevice, pair } from '../support/device.ts'
import { fuseMissing } from '../support/mount.ts'
import { DRIVER } from '../support/place.ts'
import { type RunResult, run, until } from '../support/process.ts'
import { carryStubs, connected, mountAll, putFiles, readIn, stopDaemon } from '../support/sharing.ts'

const MIB = 1024 * 1024
const CHUNK = 65_536
const MAPPER = fileURLToPath(new URL('../support/map-last-byte.ts', import.meta.url))
/** Less than a read takes that waits for who does not answer. */
const AT_ONCE_MS = 15_000
const FETCH_SECONDS = 60
const FILES = {
  scanned: randomBytes(3 * MIB),
  partly: randomBytes(24 * MIB),
  direct: randomBytes(MIB),
  copied: randomBytes(40 * MIB),
  script: Buffer.from(`${randomBytes(4000).toString('hex')}\n`.repeat(20)),
  mapped: randomBytes(MIB),
  unreachable: randomBytes(MIB),
  ...Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`barrier-${index}`, randomBytes(20_000)])),
}
const skip = fuseMissing() || (DRIVER === 'fuse-native' && 'libfuse 2.9 does not say who reads')

describe('programs for whose reads nothing is fetched', { skip }, () => {
  const scope = new Scope()
  /** Two devices of one person: the first has the files, the second only their stubs. */
  let first: Device
  let second: Device
  let barriers = 0

  const at = (name: string) => path.join(second.folder, name)
  /** Those that were there before anybody was connected. */
  let blocksOfFiles: ReadonlySet<string>
  const namesOfBlocks = ({ home }: Device): string[] => {
    const entries = readdirSync(path.join(home, 'blocks'), { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  }
  const countBlocks = () => namesOfBlocks(second).filter((name) => blocksOfFiles.has(name)).length
  /** A program of this name that does what another does. */
  const called = (name: string, like: string): string => {
    const directory = path.join(second.root, 'programs')
    mkdirSync(directory, { recursive: true })
    copyFileSync(like, path.join(directory, name))
    return path.join(directory, name)
  }
  /** Runs a program that does not wait for anybody. */
  const start = (file: string, ...args: string[]): Promise<RunResult> =>
    run(file, args, { env: second.env, cwd: second.root, deadlineMs: AT_ONCE_MS })

  /** Whatever `work` had fetched would be here when the next file is, which is one block. */
  async function fetchesNothing(work: () => Promise<void>): Promise<void> {
    const had = countBlocks()
    await work()
    await start('cat', at(`barrier-${barriers++}`))
    // A block is kept a little after it was read.
    await until('the block is kept', () => countBlocks() > had)
    assert.equal(countBlocks(), had + 1)
  }

  before(async () => {
    // Nothing is copied to others, for which nodes that name blocks would be fetched at any time.
    const config = { fetchTimeoutSeconds: FETCH_SECONDS, replicas: 0 }
    first = await newDevice(scope.context, { config: { replicas: 0 } })
    second = await newDevice(scope.context, { config })
    await first.dfsOk(['init'])
    await pair(first, second)
    await putFiles(first, FILES)
    blocksOfFiles = new Set(namesOfBlocks(first))
    carryStubs(first, second)
    await mountAll(first, second)
    await connected(second)
  })
  after(() => scope[Symbol.asyncDispose]())

  it('are refused what is not here, and read it once another program has had it fetched', async () => {
    const updatedb = called('updatedb', '/bin/cat')
    await fetchesNothing(async () => {
      const { code, stdout, stderr } = await start(updatedb, at('scanned'))
      assert.equal(code, 1)
      assert.match(stderr, /Operation not permitted/)
      assert.equal(stdout, '')
    })
    assert((await readIn(second, 'scanned')).equals(FILES.scanned))
    assert((await start(updatedb, at('scanned'))).stdoutBytes.equals(FILES.scanned))
  })

  it('read up to what is not here, and nothing is read ahead for them', async () => {
    // Neither from the start nor in sequence: nothing more is read ahead.
    const had = countBlocks()
    for (const index of [19, 18, 17, 16]) {
      const where = ['iflag=direct', `bs=${CHUNK}`, `skip=${index}`, 'count=1']
      assert.equal((await start('dd', `if=${at('partly')}`, 'of=/dev/null', ...where)).code, 0)
    }
    await until('the chunks are here', () => countBlocks() === had + 5) // And the node that names them.
    await fetchesNothing(async () => {
      const dd = called('updatedb', '/bin/dd')
      const { code, stdoutBytes, stderr } = await start(dd, `if=${at('partly')}`, `bs=${CHUNK}`, 'skip=16')
      assert.equal(code, 1)
      assert.match(stderr, /Operation not permitted/)
      assert(stdoutBytes.equals(FILES.partly.subarray(16 * CHUNK, 20 * CHUNK)))
    })
  })

  it('are the same past the page cache, and when they copy or look for holes', async () => {
    await second.dfsOk(['config', 'set', 'localOnlyPrograms', 'scan-dd, scan-cp'])
    await fetchesNothing(async () => {
      const dd = called('scan-dd', '/bin/dd')
      const direct = await start(dd, `if=${at('direct')}`, 'of=/dev/null', 'iflag=direct', `bs=${CHUNK}`)
      assert.equal(direct.code, 1)
      assert.match(direct.stderr, /Operation not permitted/)
      const cp = called('scan-cp', '/bin/cp')
      for (const to of [at('scanned'), path.join(second.root, 'copy')]) {
        const { code, stderr } = await start(cp, '--sparse=always', at('copied'), `${to}.copy`)
        assert.equal(code, 1)
        assert.match(stderr, /Operation not permitted/)
      }
    })
  })

  it('may be scripts, and are no longer any when the setting says so', async () => {
    await second.dfsOk(['config', 'set', 'localOnlyPrograms', 'indexer'])
    const indexer = path.join(second.root, 'indexer')
    writeFileSync(indexer, '#!/bin/sh\nread -r line < "$1" && printf %s "$line"\n', { mode: 0o755 })
    await fetchesNothing(async () => {
      const { code, stdout } = await start(indexer, at('script'))
      assert.notEqual(code, 0)
      assert.equal(stdout, '')
    })
    await second.dfsOk(['config', 'set', 'localOnlyPrograms', 'none'])
    assert.equal((await start(indexer, at('script'))).stdout, FILES.script.toString().split('\n')[0])
    const listed = await second.json('config', 'get', 'localOnlyPrograms')
    assert.equal(listed[0].value, 'none')
    await second.dfsOk(['config', 'set', 'localOnlyPrograms', 'default'])
  })

  it('end by SIGBUS where they have mapped what is not here', async () => {
    await second.dfsOk(['config', 'set', 'localOnlyPrograms', path.basename(process.execPath)])
    const mapper = [process.execPath, MAPPER, at('mapped'), String(FILES.mapped.length)] as const
    await fetchesNothing(async () => {
      const { signal, stdout } = await start(...mapper)
      assert.deepEqual({ signal, stdout }, { signal: 'SIGBUS', stdout: '' })
    })
    assert.equal((await start('cat', at('mapped'))).code, 0)
    assert.equal((await start(...mapper)).stdout.trim(), String(FILES.mapped.at(-1)))
    await second.dfsOk(['config', 'set', 'localOnlyPrograms', 'default'])
  })

  it('wait for nobody', async () => {
    await stopDaemon(first).catch(() => undefined)
    for (const pid of first.pids()) process.kill(pid, 'SIGKILL')
    const { code, stderr } = await start(called('updatedb', '/bin/cat'), at('unreachable'))
    assert.equal(code, 1)
    assert.match(stderr, /Operation not permitted/)
  })
})
