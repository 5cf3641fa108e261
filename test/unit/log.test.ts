import assert from 'node:assert/strict'
import test from 'node:test'
import { run } from '../e2e/support/process.ts'

const SCRIPT = `
import { logger, preferLogFormat, warn } from '${new URL('../../src/log.ts', import.meta.url)}'
preferLogFormat(process.argv[1])
warn('a disk\\nis "full"')
logger('store')('%d of %s: %o, 100%', 3, 'all', { a: 1 })
`

async function said(format: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const options = { env: { PATH: process.env.PATH, DEBUG: 'dfs:*', ...env } }
  const args = ['--input-type=module', '-e', SCRIPT, format]
  const { code, stderr } = await run(process.execPath, args, options)
  assert.equal(code, 0, stderr)
  return stderr.trimEnd().split('\n')
}

test('as JSON, each message is one object on a line of its own', async () => {
  const lines = (await said('json')).map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ time, ...line }) => [line, new Date(time).toISOString() === time]),
    [
      [{ level: 'warn', area: 'daemon', message: 'a disk\nis "full"' }, true],
      [{ level: 'debug', area: 'store', message: '3 of all: { a: 1 }, 100%' }, true],
    ],
  )
})

test('as text, as before; and the environment goes before the setting', async () => {
  for (const lines of [await said('text'), await said('json', { DFS_LOG_FORMAT: 'text' })]) {
    assert.match(lines[0]!, /^\d{4}-\d\d-\d\dT[\d:.]+Z a disk$/)
    assert.match(lines.at(-1)!, /dfs:store 3 of all: { a: 1 }, 100%/)
  }
})
