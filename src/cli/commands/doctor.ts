/** `dfs doctor`: what is missing on this machine, and the exact mend. */
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { type Check, DOCTOR_ENTRY } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'
import type { Line } from '../lines.ts'
import { examineReach } from '../reach.ts'

const DEADLINE_MS = 30_000
const ORDER = ['problem', 'warning', 'ok'] as const
const MARKS = { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' } as const
const TONES = { warning: 'warn', problem: 'bad' } as const
const MEND = '   mend'

export function registerDoctor(program: Command, app: App): void {
  program
    .command('doctor')
    .description('find what is missing on this machine, and say how to mend it')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs doctor
  $ dfs doctor --json || echo "something is wrong"`,
    )
    .action((options: ReportOptions) => runDoctor(app, options))
}

async function runDoctor(app: App, options: ReportOptions): Promise<void> {
  const home = await app.home()
  const checks = (await Promise.all([examine(home), examineReach(home)])).flat()
  if (checks.some(({ status }) => status === 'problem')) app.outcome = 'problems-found'
  app.report(options, checks, describe)
}

/**
 * In a process of its own, so that a library that does not load is a finding and not the end. It is not waited for once
 * it has said all: a mount that hangs keeps it from ending.
 */
export async function examine(home: string): Promise<Check[]> {
  const child = spawn(process.execPath, [fileURLToPath(DOCTOR_ENTRY), home], { stdio: ['ignore', 'pipe', 'ignore'] })
  child.unref()
  const tooLate = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
  try {
    return JSON.parse(await firstLine(child.stdout))
  } catch (cause) {
    throw new DfsError('internal', 'the examination itself failed', {
      op: 'doctor',
      mend: 'run "npm install" in the directory of dfs',
      cause,
    })
  } finally {
    clearTimeout(tooLate)
    child.kill('SIGKILL')
  }
}

/** Reads no further. */
async function firstLine(from: Readable): Promise<string> {
  let said = ''
  for await (const part of from.setEncoding('utf8')) {
    said += part
    if (said.includes('\n')) break
  }
  return said
}

/** What is wrong first. */
function describe(checks: readonly Check[]): Line[] {
  const ranked = ORDER.flatMap((status) => checks.filter((check) => check.status === status))
  return ranked.flatMap(({ name, status, finding, mend }) => {
    const lines = [`${MARKS[status]}  ${name}: ${finding}`, ...(mend === undefined ? [] : [`${MEND}  ${mend}`])]
    return lines.map((text) => (status === 'ok' ? text : { tone: TONES[status], text }))
  })
}
