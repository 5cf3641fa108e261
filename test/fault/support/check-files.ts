/** After a crash: every file the workload ever named is in a state it may be in, and nothing else is there. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { FileStates } from './file-states.ts'

export function checkFiles(root: string, states: FileStates): void {
  for (const file of states.files) {
    const path = join(root, file)
    states.check(file, existsSync(path) ? readFileSync(path) : undefined)
  }
  const known = new Set(states.files)
  const strangers = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !known.has(name) && !name.startsWith('.dfs') && !statSync(join(root, name)).isDirectory(),
  )
  assert.deepEqual(strangers, [], 'files that nobody wrote')
}
