/** A program: says that it looks for a hole in a file, and does. */
import { openSync, writeSync } from 'node:fs'
import { seekHole } from '../../support/syscalls.ts'

const fd = openSync(process.argv[2]!, 'r')
writeSync(1, 'seeks')
seekHole(fd, 0)
