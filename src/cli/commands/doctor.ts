/** `dfs doctor`: what is missing on this machine, and the exact mend. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
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
  const checks = [...(await examine(home)), ...(await examineReach(home))]
  if (checks.some(({ status }) => status === 'problem')) app.outcome = 'problems-found'
  app.report(options, checks, describe)
}

/** In a process of its own, so that a library that does not load is a finding and not the end. */
export async function examine(home: string): Promise<Check[]> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(DOCTOR_ENTRY), home], {
      timeout: DEADLINE_MS,
    })
    return JSON.parse(stdout)
  } catch (cause) {
    // A mount that hangs keeps the process from ending, after it has said all.
    const { stdout } = cause as { stdout?: string }
    if (stdout) return JSON.parse(stdout)
    throw new DfsError('internal', 'the examination itself failed', {
      op: 'doctor',
      mend: 'run "npm install" in the directory of dfs',
      cause,
    })
  }
}

/** What is wrong first. */
function describe(checks: readonly Check[]): Line[] {
  const ranked = ORDER.flatMap((status) => checks.filter((check) => check.status === status))
  return ranked.flatMap(({ name, status, finding, mend }) => {
    const lines = [`${MARKS[status]}  ${name}: ${finding}`, ...(mend === undefined ? [] : [`${MEND}  ${mend}`])]
    return lines.map((text) => (status === 'ok' ? text : { tone: TONES[status], text }))
  })
}
