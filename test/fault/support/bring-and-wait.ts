/** A process that brings files to a folder, as synchronisation does, says that they have their names, and waits to be killed: `DIRECTORY FILES TEXT`. */
import { bringAll } from '../../unit/vfs/outside.ts'
import { TestFolder } from '../../unit/vfs/support.ts'

const [directory, files, text] = process.argv.slice(2)
const folder = await TestFolder.open({ directory: directory! })
await bringAll(folder, Number(files), text!)
process.stdout.write('brought\n')
setInterval(() => undefined, 1000)
