/** A temporary directory for one test, without symbolic links in its path. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'

export function temporaryDirectory(t: TestContext): string {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'dfs-daemon-')))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
