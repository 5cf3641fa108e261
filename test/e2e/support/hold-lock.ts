/** A program: locks bytes 100 to 199 of a file for writing, says so, and holds the lock until it is ended. */
import { openSync, writeSync } from 'node:fs'
import { lockRange } from '../../support/syscalls.ts'

lockRange(openSync(process.argv[2]!, 'r+'), { type: 'write', start: 100, length: 100 })
writeSync(1, 'locked')
setInterval(() => {}, 1000)
