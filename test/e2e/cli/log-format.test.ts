/** The setting `logFormat`. */
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fuseMissing } from '../support/mount.ts'
import { newPlace } from '../support/place.ts'

test('a daemon whose log is JSON says everything so, and nothing of contents or keys', {
  skip: fuseMissing(),
}, async (t) => {
  const place = newPlace(t)
  const { kit } = JSON.parse(await place.dfsOk(['init', '--json']))
  await place.dfsOk(['config', 'set', 'logFormat', 'json'])
  await place.dfs(['daemon', '--stop'])
  const log = path.join(place.home, 'daemon.log')
  rmSync(log)
  const env = { DEBUG: 'dfs:*' }
  await place.dfsOk(['mount', place.folder], { env })
  await place.sh(`printf 'unmistakable content' > ${place.folder}/file; sync ${place.folder}/file`)
  await place.dfsOk(['umount', place.folder])
  await place.dfs(['daemon', '--stop'])
  const text = readFileSync(log, 'utf8')
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.ok(lines.length > 2)
  for (const line of lines) assert.deepEqual(Object.keys(line), ['time', 'level', 'area', 'message'])
  const key = /^key: (\S+)/m.exec(readFileSync(path.join(place.home, 'personal.key'), 'utf8'))![1]!
  const words = /1 (\w+) +2 (\w+) +3 (\w+)/.exec(kit)!.slice(1).join(' ')
  for (const secret of ['unmistakable', key, words]) assert.ok(!text.includes(secret))
})

test('a format that there is not is refused', async (t) => {
  const place = newPlace(t)
  await place.dfsOk(['init'])
  const { code, stderr } = await place.dfs(['config', 'set', 'logFormat', 'xml'])
  assert.equal(code, 2)
  assert.match(stderr, /^dfs: "logFormat" takes one of text, json[^\n]*\n$/)
})
