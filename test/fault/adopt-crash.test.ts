import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { BlockFiles } from '../../src/store/block-files.ts'
import { noise, TestFolder, temporaryDirectory } from '../unit/vfs/support.ts'

const CHILD = fileURLToPath(new URL('support/adopt-until-killed.ts', import.meta.url))

const CONTENTS: Record<string, Buffer> = {
  small: Buffer.from('small'),
  empty: Buffer.alloc(0),
  'prog.f': Buffer.from('source'),
  prog: noise(200_000),
  'd/large': noise(3_000_000, 2),
  'd/linked': noise(100_000, 3),
  linked: noise(100_000, 3),
}

function makePlainFiles(directory: string): void {
  mkdirSync(path.join(directory, 'd'))
  for (const [name, content] of Object.entries(CONTENTS)) {
    if (name !== 'linked') writeFileSync(path.join(directory, name), content)
  }
  linkSync(path.join(directory, 'd/linked'), path.join(directory, 'linked'))
}

/** Adopts in another process until that is killed; whether it came so far. */
async function adoptUntilKilled(directory: string, store: string, step: number, delayMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [CHILD, directory, store, String(step), String(delayMs)], { stdio: 'inherit' })
  const [, signal] = await once(child, 'exit')
  return signal === 'SIGKILL'
}

/** In two batches, for one of the files clears the way for another, each with two or three steps. */
for (const [step, delayMs] of [
  [1, 0],
  [2, 0],
  [3, 0],
  [4, 0],
  [5, 0],
  [5, 5],
] as const) {
  test(`a kill ${delayMs} ms after step ${step} of an adoption leaves each file plain, a stub, or both`, async () => {
    const [directory, storeDirectory] = [temporaryDirectory(), temporaryDirectory()]
    makePlainFiles(directory)
    assert.ok(await adoptUntilKilled(directory, storeDirectory, step, delayMs))
    const store = await BlockFiles.open(storeDirectory)
    await using folder = await TestFolder.open({ directory, store })
    for (const [name, content] of Object.entries(CONTENTS)) {
      const plain = path.join(directory, name)
      if (existsSync(plain) && name !== 'prog.f') assert.ok(readFileSync(plain).equals(content), name)
      assert.ok((await folder.read(name)).equals(content), name)
    }
    const { skipped } = await folder.adopt()
    assert.deepEqual(skipped, [])
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !name.startsWith('.dfs'),
    )
    assert.deepEqual(names.sort(), ['d', ...Object.keys(CONTENTS).map((name) => `${name}.f`)].sort())
    assert.deepEqual(readdirSync(path.join(directory, '.dfs/tmp')), [])
    for (const [name, content] of Object.entries(CONTENTS)) assert.ok((await folder.read(name)).equals(content), name)
    await store.close()
  })
}
