import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { makeFifo } from '../../support/syscalls.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { runOk } from '../support/process.ts'

mountedSuite('fifo', ({ lasts, test }) => {
  lasts('a fifo is a fifo, whatever it is called', (directory) => {
    makeFifo(join(directory, 'pipe'), 0o640)
    makeFifo(join(directory, 'pipe.f'))
    return () => {
      assert.deepEqual(fs.readdirSync(directory).toSorted(), ['pipe', 'pipe.f'])
      assert(fs.statSync(join(directory, 'pipe')).isFIFO())
      assert(fs.statSync(join(directory, 'pipe.f')).isFIFO())
      assert.equal(fs.statSync(join(directory, 'pipe')).mode & 0o777, 0o640)
    }
  })

  test('what one process writes into it, another reads', async (directory) => {
    const pipe = join(directory, 'pipe')
    makeFifo(pipe)
    const [read] = await Promise.all([
      runOk('cat', [pipe]),
      runOk('sh', ['-c', 'echo through the pipe > "$1"', 'sh', pipe]),
    ])
    assert.equal(read, 'through the pipe\n')
  })
})
