/** Whether this machine can mount; what it lacks is installed where that may be. */
import type { Check } from '../../daemon/control-api.ts'
import { DfsError } from '../../errors.ts'
import type { App } from '../app.ts'
import { examine } from '../commands/doctor.ts'
import type { Questions } from '../questions.ts'
import { asRoot, installCommand, runsUnasked, runVisibly } from './packages.ts'

/**
 * Resolves with the names of packages that were installed. Asks before it installs; without `questions` it does so where nobody is asked for a password.
 * Fails with `unsupported` if something is missing still, with its mend.
 */
export async function prepareMachine(app: App, questions: Questions | undefined): Promise<string[]> {
  const home = await app.home()
  const problems = problemsOf(await examine(home))
  const packages = problems.flatMap((check) => check.package ?? [])
  if (packages.length > 0 && (await installPackages(app, packages, questions))) {
    refuse(problemsOf(await examine(home)))
    return packages
  }
  refuse(problems)
  return []
}

function problemsOf(checks: readonly Check[]): Check[] {
  return checks.filter(({ area, status }) => area === 'machine' && status === 'problem')
}

async function installPackages(
  app: App,
  packages: readonly string[],
  questions: Questions | undefined,
): Promise<boolean> {
  const { env } = app.streams
  const install = installCommand(packages, env)
  const command = install && asRoot(install, env)
  if (command === undefined) return false
  const may =
    questions === undefined
      ? await runsUnasked(command, env)
      : await questions.confirm(`Run "${command.join(' ')}"?`, true)
  if (!may) return false
  await runVisibly(command, env)
  return true
}

function refuse([first, ...others]: readonly Check[]): void {
  if (first === undefined) return
  const more = others.length === 0 ? '' : ` (and ${others.length} more: see "dfs doctor")`
  throw new DfsError('unsupported', `${first.name}: ${first.finding}${more}`, { op: 'setup', mend: first.mend })
}
