/** A program: prints as JSON, for each file in a mounted directory, where dfs says its content is. */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { getXattr } from '../../support/syscalls.ts'

const directory = process.argv[2]!
const stateOf = (name: string) => getXattr(path.join(directory, name), 'user.dfs.state').toString()
console.log(JSON.stringify(readdirSync(directory).map((name) => [name, stateOf(name)])))
