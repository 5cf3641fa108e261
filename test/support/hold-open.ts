/** A program that opens many files of a directory and holds them: for what open handles cost. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const PROGRAM = `
  const { openSync, readdirSync, readSync } = require('node:fs')
  const [directory, count] = process.argv.slice(1)
  for (const name of readdirSync(directory).slice(0, Number(count)))
    readSync(openSync(directory + '/' + name), Buffer.alloc(10))
  console.log('open')
  process.stdin.resume()`

/** Resolves once they are open and read from; disposing of it closes them. */
export async function holdOpen(directory: string, count: number): Promise<AsyncDisposable> {
  const script = 'ulimit -n "$1" && shift && exec "$@"'
  const command = [process.execPath, '-e', PROGRAM, directory, String(count)]
  const child = spawn('sh', ['-c', script, 'sh', String(count + 100), ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), ended])
  if (child.exitCode !== null) throw new Error('the files could not be opened')
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
    },
  }
}
