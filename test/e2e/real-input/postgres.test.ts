/** PostgreSQL keeps its promises in the mount: its own checks find nothing after work, a remount, and the daemon's death. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { program, root, skipUnless } from '../../support/requirements.ts'
import type { System } from '../../support/systems/system.ts'
import { target } from '../../support/systems/target.ts'
import { newPlace, type Place } from '../support/place.ts'
import { run, runOk } from '../support/process.ts'

/** Debian keeps the programs of each version apart. */
const VERSIONS = '/usr/lib/postgresql'
const DEADLINE_MS = 120_000
const TRANSACTIONS = Number(process.env.DFS_E2E_TRANSACTIONS ?? 150)

/** The directory of the newest server's programs. */
function programs(): string | undefined {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : []
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0]
  return newest && join(VERSIONS, newest, 'bin')
}

const installed = () => programs() === undefined && 'needs PostgreSQL (Debian: apt-get install postgresql)'
const skip = skipUnless(target.missing, root, installed, program('runuser'))

test('a cluster takes transactions, is whole after a remount, and recovers from the death of its file system', {
  skip,
}, async (t) => {
  const place = newPlace(t)
  const system = await target.create(place)
  await system.mount()
  const cluster = await Cluster.create(place, system)
  t.after(() => cluster.kill())

  await cluster.start()
  await cluster.bench('--initialize', '--scale=1')
  await cluster.bench('--client=4', '--jobs=2', `--transactions=${TRANSACTIONS}`)
  assert.equal(await cluster.transactions(), 4 * TRANSACTIONS)
  await cluster.stop()
  await cluster.checkPages()
  await system.unmount()
  await system.mount()
  await cluster.start()
  assert.equal(await cluster.transactions(), 4 * TRANSACTIONS)

  const working = cluster.bench('--client=2', '--time=30', '--no-vacuum').catch(() => undefined)
  while ((await cluster.transactions()) < 4 * TRANSACTIONS + 50) await new Promise((resolve) => setTimeout(resolve, 50))
  const seen = await cluster.transactions()
  await system.kill()
  await cluster.kill()
  await working
  await system.mount()
  await cluster.forgetServer()
  await cluster.start()
  assert((await cluster.transactions()) >= seen, 'what was committed is there')
  await cluster.stop()
  await cluster.checkPages()
  await system.unmount()
})

/** A server of its own, run by the user that the package made, reached through a socket beside the mount. */
class Cluster {
  readonly #data: string
  readonly #sockets: string

  static async create(place: Place, system: System): Promise<Cluster> {
    const cluster = new Cluster(place, join(system.root, 'data'))
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number(await runOk('id', [flag, 'postgres']))),
    )
    for (const passed of [place.root, system.root]) chmodSync(passed, 0o711)
    for (const own of [cluster.#data, cluster.#sockets]) {
      mkdirSync(own, { mode: 0o700 })
      chownSync(own, uid!, gid!)
    }
    await cluster.#run('initdb', '--data-checksums', '--auth=trust', '--no-locale', '--encoding=UTF8', cluster.#data)
    return cluster
  }

  private constructor(place: Place, data: string) {
    this.#data = data
    this.#sockets = join(place.root, 'sockets')
  }

  async start(): Promise<void> {
    const options = `-c listen_addresses= -c unix_socket_directories=${this.#sockets}`
    await this.#run('pg_ctl', 'start', '--wait', '-D', this.#data, '-l', join(this.#sockets, 'log'), '-o', options)
  }

  async stop(): Promise<void> {
    await this.#run('pg_ctl', 'stop', '--wait', '--mode=fast', '-D', this.#data)
  }

  /** Ends whatever runs of it, as a crash would. */
  async kill(): Promise<void> {
    const marked = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && this.#isOurs(pid))
    for (const pid of marked) await run('kill', ['-KILL', pid])
  }

  /** Of a server that certainly runs no more: its number may be another process's, or its own that nobody has asked after. */
  async forgetServer(): Promise<void> {
    await runOk('rm', ['-f', join(this.#data, 'postmaster.pid'), join(this.#sockets, '.s.PGSQL.5432.lock')])
  }

  async bench(...words: string[]): Promise<void> {
    await this.#run('pgbench', '--host', this.#sockets, '--username=postgres', ...words, 'postgres')
  }

  /** How many pgbench has committed; fails if the books do not balance. */
  async transactions(): Promise<number> {
    const query = `SELECT count(*), coalesce(sum(delta), 0) - (SELECT sum(bbalance) FROM pgbench_branches),
      coalesce(sum(delta), 0) - (SELECT sum(abalance) FROM pgbench_accounts) FROM pgbench_history`
    const answer = await this.#run('psql', '-h', this.#sockets, '-U', 'postgres', '-At', '-F,', '-c', query, 'postgres')
    const [count, ...differences] = answer.trim().split(',').map(Number)
    assert.deepEqual(differences, [0, 0])
    return count!
  }

  /** Of a server that is stopped. */
  async checkPages(): Promise<void> {
    await this.#run('pg_checksums', '--check', '-D', this.#data)
  }

  #run(name: string, ...words: string[]): Promise<string> {
    const command = [join(programs()!, name), ...words]
    return runOk('runuser', ['-u', 'postgres', '--', ...command], { cwd: '/', deadlineMs: DEADLINE_MS })
  }

  #isOurs(pid: string): boolean {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')
      return words[0]!.endsWith('/postgres') && words.includes(this.#data)
    } catch {
      return false // It has ended.
    }
  }
}
