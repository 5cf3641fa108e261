/** A program: maps a file of so many bytes, and prints the last of them. */
import { openSync } from 'node:fs'
import { Mapping } from '../../support/syscalls.ts'

const [, , file, length] = process.argv
using mapping = new Mapping(openSync(file!, 'r+'), Number(length))
console.log(mapping.bytes.at(-1))
