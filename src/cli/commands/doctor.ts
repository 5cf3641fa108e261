/** `dfs doctor`: what is missing on this machine, and the exact mend. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { type Check, DOCTOR_ENTRY } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App, ReportOptions } from '../app.ts'

const DEADLINE_MS = 30_000
const MARKS = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' } as const

export function registerDoctor(program: Command, app: App): void {
  program
    .command('doctor')
    .description('find what is missing on this machine, and say how to mend it')
    .option('--json', 'report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ dfs doctor`,
    )
    .action((options: ReportOptions) => runDoctor(app, options))
}

async function runDoctor(app: App, options: ReportOptions): Promise<void> {
  const checks = await examine(await app.home())
  if (checks.some(({ status }) => status === 'problem')) app.outcome = 'problems-found'
  app.report(options, checks, describe)
}

/** In a process of its own, so that a library that does not load is a finding and not the end. */
async function examine(home: string): Promise<Check[]> {
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

function describe(checks: Check[]): string {
  return checks
    .map(
      ({ name, status, finding, mend }) =>
        `${MARKS[status]}${name}: ${finding}${mend === undefined ? '' : `\n        mend: ${mend}`}`,
    )
    .join('\n')
}
