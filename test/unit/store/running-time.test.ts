import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { RunningTime } from '../../../src/store/running-time.ts'
import { temporaryDirectory } from './temporary-directory.ts'

describe('RunningTime', () => {
  const file = path.join(temporaryDirectory(), 'running-time')

  it('adds up the runs, whatever the monotonic clock begins with', async () => {
    let clockMs = 5000
    const first = await RunningTime.open(file, () => clockMs)
    assert.equal(first.nowMs(), 0)
    clockMs += 1500.7
    assert.equal(first.nowMs(), 1500)
    await first.save()
    clockMs = 3
    const second = await RunningTime.open(file, () => clockMs)
    clockMs += 100
    assert.equal(second.nowMs(), 1600)
  })

  it('begins anew, and says so, with a file that cannot be read', async (t) => {
    const said = t.mock.method(process.stderr, 'write', () => true)
    for (const text of ['', '{"version":1', '{"version":1,"runningMs":-1}', '[]', 'null']) {
      writeFileSync(file, text)
      assert.equal((await RunningTime.open(file, () => 0)).nowMs(), 0)
    }
    assert.equal(said.mock.callCount(), 5)
  })

  it('refuses a file of a newer dfs and leaves it', async () => {
    const text = '{"version":2,"runningMs":77}'
    writeFileSync(file, text)
    await assert.rejects(RunningTime.open(file), { kind: 'newer-version' })
    assert.equal(readFileSync(file, 'utf8'), text)
  })
})
