/**
 * `node touch-files.ts PATH COUNT` prints what things cost, in µs each, as JSON. Of a file: reads of 4 KiB at COUNT places,
 * and opening it as often. Of a directory with directories of files: opening and reading COUNT of them, and removing those.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../support/random.ts'

const PAGE = 4096
const [target = '', count = '1000'] = process.argv.slice(2)
const random = new Random(Number(count))
const page = Buffer.alloc(PAGE)

const { open, read, unlink } = fs.statSync(target).isDirectory() ? directory() : file()
console.log(JSON.stringify({ open, read, unlink }))

function file(): Record<'open' | 'read' | 'unlink', number> {
  const pages = Math.floor(fs.statSync(target).size / PAGE)
  const fd = fs.openSync(target, 'r')
  const read = cost(() => fs.readSync(fd, page, 0, PAGE, random.below(pages) * PAGE))
  return { open: cost(() => fs.closeSync(fs.openSync(target, 'r'))), read, unlink: 0 }
}

function directory(): Record<'open' | 'read' | 'unlink', number> {
  const directories = fs.readdirSync(target).filter((name) => /^\d+$/.test(name))
  const listed = new Map<string, string[]>()
  const paths = Array.from({ length: Number(count) }, () => {
    const name = random.pick(directories)
    const names = listed.get(name) ?? fs.readdirSync(join(target, name))
    listed.set(name, names)
    // Each once, for it is removed in the end.
    return join(target, name, names.splice(random.below(names.length), 1)[0]!)
  })
  const opened = paths.values()
  const open = cost(() => {
    const fd = fs.openSync(opened.next().value!, 'r')
    fs.readSync(fd, page, 0, PAGE, 0)
    fs.closeSync(fd)
  })
  const removed = paths.values()
  return { open, read: 0, unlink: cost(() => fs.unlinkSync(removed.next().value!)) }
}

function cost(work: () => void): number {
  const times = Number(process.argv[3])
  const start = performance.now()
  for (let time = 0; time < times; time++) work()
  return Math.round(((performance.now() - start) * 10_000) / times) / 10
}
