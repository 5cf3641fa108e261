/**
 * The daemon's process: `node main.ts HOME [--service] [--ready-fd N] [--passphrase-fd N]`.
 * Reads what its keys are under, if that is told, from one descriptor to the end: no list of processes shows it.
 * Tells its starter over the descriptor when it serves, or why it cannot. The first SIGTERM or SIGINT ends it in good
 * order, a second one at once (the journal keeps what was acknowledged).
 */
import { closeSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { DfsError, describeError } from '../errors.ts'
import { warn } from '../log.ts'
import { raiseOpenFilesLimit, setUmask } from '../posix/process.ts'
import type { Readiness } from './control-api.ts'
import { toWireError } from './control-check.ts'
import { Daemon } from './life-cycle.ts'
import { RestingMemory } from './resting-memory.ts'

const EXIT_FAILED = 1
const EXIT_FORCED = 3

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    service: { type: 'boolean', default: false },
    'ready-fd': { type: 'string' },
    'passphrase-fd': { type: 'string' },
  },
})
const [home] = positionals
if (home === undefined) throw new DfsError('usage', 'names no home')
await run(home)

async function run(home: string): Promise<void> {
  // The log is in the home: a full disk costs its lines, not the daemon.
  process.stderr.on('error', () => undefined)
  // A daemon keeps no directory busy, and decides on the modes of new files itself.
  process.chdir('/')
  setUmask(0)
  raiseOpenFilesLimit()
  using _memory = new RestingMemory()
  let daemon: Daemon
  try {
    const passphrase = await readPassphrase()
    daemon = await Daemon.start({ home, env: process.env, service: values.service, passphrase })
  } catch (error) {
    report({ error: toWireError(error) })
    process.exit(EXIT_FAILED)
  }
  stopOnSignals(daemon)
  report({ ready: true })
  await daemon.ended.catch((error) => fail(error))
  process.exit()
}

async function readPassphrase(): Promise<string | undefined> {
  const fd = values['passphrase-fd']
  return fd === undefined ? undefined : await text(new Socket({ fd: Number(fd), readable: true, writable: false }))
}

function stopOnSignals(daemon: Daemon): void {
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(EXIT_FORCED)
      stopping = true
      void daemon.stop(signal).catch(() => undefined) // `ended` tells.
    })
  }
  // Closing a terminal is no reason to unmount.
  process.on('SIGHUP', () => undefined)
}

function fail(error: unknown): void {
  warn(`ends with a failure: ${describeError(error)}`)
  process.exitCode = EXIT_FAILED
}

/** Once; the starter reads to the end of the pipe. */
function report(readiness: Readiness): void {
  const fd = values['ready-fd']
  if ('error' in readiness) warn(`cannot start: ${readiness.error.message}`)
  if (fd === undefined) return
  try {
    writeSync(Number(fd), JSON.stringify(readiness))
    closeSync(Number(fd))
  } catch {
    // The starter did not wait; the daemon serves all the same.
  }
}
