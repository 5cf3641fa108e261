import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { ReceivedFile } from '../../../src/cli/received-file.ts'

const ATTRIBUTES = { mode: 0o640, mtimeMs: 1_500_000_000_123 }

function directory(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'dfs-cli-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

async function receive(options: { out: string; name: string; force: boolean }, content: string) {
  await using file = await ReceivedFile.create(options)
  await file.write(Buffer.from(content.slice(0, 2)))
  await file.write(Buffer.from(content.slice(2)))
  await file.keep(ATTRIBUTES)
}

test('a whole file shows with its mode and time', async (t) => {
  const dir = directory(t)
  await receive({ out: dir, name: 'x', force: false }, 'hello')
  assert.equal(readFileSync(path.join(dir, 'x'), 'utf8'), 'hello')
  assert.equal(statSync(path.join(dir, 'x')).mode & 0o777, 0o640)
  assert.equal(Math.round(statSync(path.join(dir, 'x')).mtimeMs), ATTRIBUTES.mtimeMs)
  assert.deepEqual(readdirSync(dir), ['x'])
})

test('what did not arrive whole leaves nothing', async (t) => {
  const dir = directory(t)
  {
    await using file = await ReceivedFile.create({ out: path.join(dir, 'x'), name: '', force: false })
    await file.write(Buffer.from('he'))
  }
  assert.deepEqual(readdirSync(dir), [])
})

test('what is there is replaced only when asked for', async (t) => {
  const dir = directory(t)
  const out = path.join(dir, 'x')
  writeFileSync(out, 'old')
  await assert.rejects(receive({ out, name: '', force: false }, 'new'), { kind: 'exists', mend: /--force/ })
  assert.equal(readFileSync(out, 'utf8'), 'old')
  await receive({ out, name: '', force: true }, 'new')
  assert.equal(readFileSync(out, 'utf8'), 'new')
  assert.deepEqual(readdirSync(dir), ['x'])
})

test('a file that came meanwhile is not replaced', async (t) => {
  const dir = directory(t)
  const out = path.join(dir, 'x')
  await using file = await ReceivedFile.create({ out, name: '', force: false })
  await file.write(Buffer.from('new'))
  writeFileSync(out, 'other')
  await assert.rejects(file.keep(ATTRIBUTES), { kind: 'exists' })
  assert.equal(readFileSync(out, 'utf8'), 'other')
})
