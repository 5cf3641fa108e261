/** A terminal of its own for one command, by `script` of util-linux: what is typed when, and what is seen. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { program } from '../../support/requirements.ts'
import type { Place } from './place.ts'
import { type Ending, until, within } from './process.ts'

const DEADLINE_MS = 60_000

export const terminalMissing = program('script')

/** Types each line once the words before it were seen (again); gives the exit code and all that was seen. */
export async function atTerminal(
  t: Ending,
  place: Place,
  args: readonly string[],
  dialogue: readonly (readonly [seen: string, typed: string])[],
): Promise<{ code: number; seen: string }> {
  const child = spawn('script', ['-qec', [...place.command, ...args].join(' '), '/dev/null'], {
    env: place.env,
    cwd: place.root,
  })
  t.after(() => child.kill('SIGKILL'))
  let seen = ''
  child.stdout.on('data', (bytes) => (seen += bytes))
  const ended = once(child, 'close')
  let from = 0
  for (const [words, typed] of dialogue) {
    await until(`"${words}" is seen`, () => seen.includes(words, from), DEADLINE_MS).catch((error) => {
      throw new Error(`${error.message}; seen is:\n${seen}`)
    })
    from = seen.indexOf(words, from) + words.length
    child.stdin.write(`${typed}\r`)
  }
  const [code] = await within(DEADLINE_MS, ended)
  return { code, seen }
}
