/**
 * Finds the daemon of a home, or starts one: a process of its own that outlives this command, with its log in the home.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import module from 'node:module'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { DAEMON_ENTRY, DAEMON_NODE_OPTIONS, hasPassphrase, type Readiness, readAddress } from '../daemon/control-api.ts'
import { DfsError } from '../errors.ts'
import { Client, fromWire } from './client.ts'
import type { Passphrases } from './passphrases.ts'
import { withoutManager } from './service/manager.ts'

/** How long a daemon that starts or ends in between may take. */
const DEADLINE_MS = 30_000
const RETRY_MS = 50
const LOG_BYTES_MAX = 4 * 1024 * 1024
const READY_FD = 3
const PASSPHRASE_FD = 4

/** The running daemon of a home; undefined if there is none, or the signal fires first. The signal also hangs up later. */
export async function connectRunning(home: string, signal?: AbortSignal): Promise<Client | undefined> {
  const address = readAddress(home)
  return address === undefined ? undefined : Client.connect(address.socket, signal)
}

/** The daemon of a home, started if there is none, with what its keys are under. Fails as the start fails, and with `timeout`. */
export async function connectOrStart(home: string, passphrases: Passphrases, signal?: AbortSignal): Promise<Client> {
  if (!hasPassphrase(home)) return await startOrFind(home, undefined, signal)
  const running = await connectRunning(home, signal)
  return running ?? (await passphrases.withPresent(home, (passphrase) => startOrFind(home, passphrase, signal)))
}

async function startOrFind(home: string, passphrase: string | undefined, signal?: AbortSignal): Promise<Client> {
  const end = performance.now() + DEADLINE_MS
  for (;;) {
    signal?.throwIfAborted()
    const client = await connectRunning(home, signal)
    if (client !== undefined) return client
    const readiness = await startInBackground(home, passphrase)
    // Locked: another one starts or ends at this moment, and can be asked or replaced soon.
    if ('error' in readiness && readiness.error.kind !== 'locked') throw fromWire(readiness.error)
    if (performance.now() > end) throw noAnswer(home)
    if ('error' in readiness) await delay(RETRY_MS)
  }
}

/** A daemon that stays until it is told to stop, as a child of this process; signals are passed on to it. */
export interface ForegroundDaemon extends AsyncDisposable {
  /** Whether it serves, or why it cannot. */
  readonly ready: Promise<Readiness>
  /** Its exit code. */
  readonly ended: Promise<number>
}

export interface ForegroundOptions {
  /** Called when it was told to end. */
  onSignal: () => void
  /** What the home's keys are under. */
  passphrase: string | undefined
}

/** Starts one. Disposing waits for its end. */
export function startInForeground(home: string, { onSignal, passphrase }: ForegroundOptions): ForegroundDaemon {
  // A session of its own: Ctrl-C reaches it once, through here, and not twice.
  const child = spawn(process.execPath, [...command(home, passphrase), '--service'], {
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', ...pipes(passphrase)],
    env: withoutManager(environment()),
  })
  const passOn = (signal: NodeJS.Signals) => {
    if (signal !== 'SIGHUP') onSignal()
    child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, passOn)
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>()
  child.on('error', reject).on('exit', (code) => resolve(code ?? 1))
  ended.catch(() => undefined) // `ready` fails, too.
  tell(child, passphrase)
  return {
    ready: readinessOf(child, home),
    ended,
    [Symbol.asyncDispose]: async () => {
      await ended.catch(() => undefined)
      for (const signal of signals) process.off(signal, passOn)
    },
  }
}

async function startInBackground(home: string, passphrase: string | undefined): Promise<Readiness> {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const log = openLog(home)
  let child: ChildProcess
  try {
    child = spawn(process.execPath, command(home, passphrase), {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log, log, ...pipes(passphrase)],
      env: environment(),
    })
  } finally {
    closeSync(log)
  }
  tell(child, passphrase)
  const readiness = await readinessOf(child, home)
  child.unref()
  return readiness
}

/** Fails if the process cannot be started. */
async function readinessOf(child: ChildProcess, home: string): Promise<Readiness> {
  const { promise: failed, reject } = Promise.withResolvers<never>()
  child.on('error', reject)
  const said = await Promise.race([text(child.stdio[READY_FD] as Readable), failed])
  return said === '' ? { error: diedSilently(home) } : JSON.parse(said)
}

function command(home: string, passphrase: string | undefined): string[] {
  const fds = ['--ready-fd', READY_FD, ...(passphrase === undefined ? [] : ['--passphrase-fd', PASSPHRASE_FD])]
  return [...DAEMON_NODE_OPTIONS, fileURLToPath(DAEMON_ENTRY), home, ...fds.map(String)]
}

function pipes(passphrase: string | undefined): 'pipe'[] {
  return passphrase === undefined ? ['pipe'] : ['pipe', 'pipe']
}

/** By a pipe: every user of the machine can read arguments, and the environment stays as long as the process. */
function tell(child: ChildProcess, passphrase: string | undefined): void {
  if (passphrase === undefined) return
  const pipe = child.stdio[PASSPHRASE_FD] as Writable
  pipe.on('error', () => undefined) // A daemon that ended before it asked says why.
  pipe.end(passphrase)
}

function environment(): NodeJS.ProcessEnv {
  const cache = module.getCompileCacheDir()
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: path.dirname(cache) }
}

function openLog(home: string): number {
  const file = path.join(home, 'daemon.log')
  const { size = 0 } = statSync(file, { throwIfNoEntry: false }) ?? {}
  if (size > LOG_BYTES_MAX) renameSync(file, `${file}.1`)
  return openSync(file, 'a', 0o600)
}

function diedSilently(home: string): { kind: 'internal'; message: string; mend: string } {
  return {
    kind: 'internal',
    message: 'the daemon ended while starting',
    mend: `${path.join(home, 'daemon.log')} says why`,
  }
}

function noAnswer(home: string): DfsError {
  const address = readAddress(home)
  const who = address === undefined ? 'the daemon' : `the daemon (process ${address.pid})`
  return new DfsError('timeout', `${who} does not answer`, { subject: home, mend: 'end that process, and try again' })
}
