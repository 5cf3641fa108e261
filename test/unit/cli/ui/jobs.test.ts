import assert from 'node:assert/strict'
import test from 'node:test'
import { Jobs, type Outcome } from '../../../../src/cli/ui/jobs.ts'
import { DfsError } from '../../../../src/errors.ts'

const DONE: Outcome = { said: 'done', details: [] }
const SOON_MS = 20_000
const forever = ({ signal }: { signal: AbortSignal }) =>
  new Promise<Outcome>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

test('a job says what came of it', async () => {
  const jobs = new Jobs()
  const works = [
    async () => DONE,
    async () => ({ said: 'most of it', details: ['but not this'] }),
    async () => {
      throw new DfsError('unreachable', 'nobody has it')
    },
  ]
  for (const work of works) await jobs.settled(jobs.start('work', work), SOON_MS)
  assert.deepEqual(
    jobs.list.map(({ state, outcome }) => [state, outcome?.said]),
    [
      ['failed', 'nobody has it'],
      ['incomplete', 'most of it'],
      ['done', 'done'],
    ],
  )
})

test('progress shows, and a job that is stopped ends', async () => {
  const jobs = new Jobs()
  const id = jobs.start('long', (options) => {
    options.onProgress({ done: 1, total: 2, unit: 'files' })
    return forever(options)
  })
  await jobs.settled(id, 1)
  assert.partialDeepStrictEqual(jobs.list, [{ state: 'running', progress: { done: 1 } }])
  jobs.clear(id)
  assert.equal(jobs.list.length, 1, 'it is still under way')
  jobs.stop(id)
  await jobs.settled(id, SOON_MS)
  assert.partialDeepStrictEqual(jobs.list, [{ state: 'stopped' }])
  jobs.clear(id)
  assert.deepEqual(jobs.list, [])
})

test('only so many run at once, and only so many that ended are remembered', async () => {
  const jobs = new Jobs()
  for (let i = 0; i < 8; i++) jobs.start('long', forever)
  assert.throws(() => jobs.start('one more', forever), { kind: 'busy' })
  for (const { id } of jobs.list) {
    jobs.stop(id)
    await jobs.settled(id, SOON_MS)
  }
  for (let i = 0; i < 30; i++)
    await jobs.settled(
      jobs.start('short', async () => DONE),
      SOON_MS,
    )
  assert.equal(jobs.list.length, 10)
})
