/** What somebody is told who has just begun: the recovery kit, and where to go from there. */
import type { App } from './app.ts'
import { formatTable } from './output.ts'

export function sayKit(app: App, kit: string): void {
  app.say(`${kit}\nThis is your recovery kit. "dfs recovery show" shows it again, as long as this machine is yours.\n`)
}

/** `steps`: a command, and what it does. */
export function sayNext(app: App, steps: readonly (readonly [string, string])[]): void {
  app.say(`\nNext:\n${formatTable(steps.map(([command, about]) => [`  ${asCalled(command)}`, about]))}`)
}

/** A command as it works for whoever called this one: who came by npx may have no other `dfs`. */
export function asCalled(command: string, env: NodeJS.ProcessEnv = process.env): string {
  return env.npm_command === 'exec' && command.startsWith('dfs ') ? `npx ${command}` : command
}

/** A path as it is typed at a shell. */
export function typedPath(path: string): string {
  return /[^\w./-]/.test(path) ? `'${path.replaceAll("'", `'\\''`)}'` : path
}
