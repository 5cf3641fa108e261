/**
 * A process that adopts a folder and is killed on the way: `adopt-until-killed.ts FOLDER STORE STEP DELAY-MS`. It gets
 * its SIGKILL that long after the STEPth time that it has made something durable.
 */
import { syncFilesystem } from '../../../src/posix/files.ts'
import { BlockFiles } from '../../../src/store/block-files.ts'
import { TestFolder } from '../../unit/vfs/support.ts'

const [directory, storeDirectory, step, delayMs] = process.argv.slice(2)
let steps = 0

function passed(): void {
  steps++
  if (steps !== Number(step)) return
  if (Number(delayMs) === 0) process.kill(process.pid, 'SIGKILL')
  else setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(delayMs))
}

const store = await BlockFiles.open(storeDirectory!)
const sync = store.sync.bind(store)
store.sync = async (cids) => {
  await sync(cids)
  passed()
}
const folder = await TestFolder.open({
  directory: directory!,
  store,
  syncFilesystem: async (fd) => {
    await syncFilesystem(fd)
    passed()
  },
})
await folder.adopt()
