/** Everyday tools on the mount: archives, copies and moves over its border, locks between processes, watching for changes. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { program, skipUnless } from '../../support/requirements.ts'
import { setXattr } from '../../support/syscalls.ts'
import { assertContent, noise } from '../support/files.ts'
import { mountedSuite } from '../support/mounted-suite.ts'
import { run, runOk, until, within } from '../support/process.ts'

const OLD = new Date('2001-02-03T04:05:06Z')

mountedSuite('everyday tools', (suite) => {
  const { test, lasts } = suite

  lasts(
    'tar takes a tree in and out, links, holes and attributes included',
    async (directory) => {
      const [source, packed, back] = ['source', 'packed.tar', 'back'].map((name) => join(directory, name)) as [
        string,
        string,
        string,
      ]
      makeTree(source)
      await runOk('tar', ['-C', source, '--xattrs', '-S', '-cf', packed, '.'])
      fs.mkdirSync(back)
      await runOk('tar', ['-C', back, '--xattrs', '--xattrs-include=user.*', '-xpf', packed])
      return async () => assert.equal(await differences(source, back), '')
    },
    { skip: program('rsync')() },
  )

  for (const tool of ['cp -a', 'mv', 'rsync -aHX'])
    lasts(
      `${tool} takes a tree over the border of the mount and back`,
      async (directory) => {
        const outside = fs.mkdtempSync(join(suite.place.root, 'outside-'))
        makeTree(join(outside, 'original'))
        await runOk('cp', ['-a', join(outside, 'original'), join(outside, 'tree')])
        await suite.place.sh(`${tool} '${join(outside, 'tree')}' '${directory}/'`)
        assert.equal(fs.existsSync(join(outside, 'tree')), tool !== 'mv')
        assert.equal(await differences(join(outside, 'original'), join(directory, 'tree')), '')
        await suite.place.sh(`cp -a '${join(directory, 'tree')}' '${join(directory, 'kept')}'`)
        await suite.place.sh(`${tool} '${join(directory, 'kept')}' '${outside}/'`)
        assert.equal(await differences(join(outside, 'original'), join(outside, 'kept')), '')
        return async () => assert.equal(await differences(join(outside, 'original'), join(directory, 'tree')), '')
      },
      { skip: program('rsync')() },
    )

  test(
    'flock lets one process in at a time, and the next when that one dies',
    async (directory) => {
      const path = join(directory, 'lock')
      const held = spawn('flock', [path, '-c', 'echo locked; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(held.stdout!, 'data')
      assert.equal((await run('flock', ['-n', path, 'true'])).code, 1)
      assert.equal((await run('flock', ['-n', '-s', path, 'true'])).code, 1)
      held.kill('SIGKILL')
      await suite.place.sh(`fuser -ks '${path}' || true`)
      await runOk('flock', ['-w', '20', path, 'true'])
    },
    { skip: skipUnless(program('flock'), program('fuser')) },
  )

  test(
    'locks on ranges of a file keep processes apart',
    async (directory) => {
      const path = join(directory, 'file')
      fs.writeFileSync(path, noise(1000))
      const script = (range: string) =>
        `import fcntl,sys;f=open(${JSON.stringify(path)},'r+b');fcntl.lockf(f,fcntl.LOCK_EX|fcntl.LOCK_NB,${range})`
      const holder = spawn('python3', ['-c', `${script('100,100')};print('locked',flush=True);sys.stdin.read()`], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      await once(holder.stdout!, 'data')
      assert.notEqual((await run('python3', ['-c', script('10,150')])).code, 0)
      await runOk('python3', ['-c', script('50,200')])
      await ended(holder, () => holder.stdin!.end())
      await runOk('python3', ['-c', script('10,150')])
    },
    { skip: program('python3')() },
  )

  test(
    'who watches a directory hears of what is done in it',
    async (directory) => {
      const watcher = spawn('inotifywait', ['-m', '-q', '--format', '%e %f', directory])
      const heard: string[] = []
      createInterface({ input: watcher.stdout }).on('line', (line) => heard.push(line))
      await until('it watches', () => {
        fs.writeFileSync(join(directory, 'first'), '')
        return heard.length > 0
      })
      fs.writeFileSync(join(directory, 'file'), 'text')
      fs.chmodSync(join(directory, 'file'), 0o600)
      fs.renameSync(join(directory, 'file'), join(directory, 'other'))
      fs.rmSync(join(directory, 'other'))
      fs.mkdirSync(join(directory, 'inner'))
      const expected = [
        'CREATE file',
        'MODIFY file',
        'CLOSE_WRITE,CLOSE file',
        'ATTRIB file',
        'MOVED_FROM file',
        'MOVED_TO other',
        'DELETE other',
        'CREATE,ISDIR inner',
      ]
      await until('all is heard', () => expected.every((line) => heard.includes(line)))
      await ended(watcher, () => watcher.kill())
    },
    { skip: program('inotifywait')() },
  )

  lasts(
    'a database changed through mappings is whole',
    async (directory) => {
      const path = join(directory, 'data.sqlite')
      const statements = `PRAGMA mmap_size=268435456; PRAGMA journal_mode=WAL; CREATE TABLE t(x);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000) INSERT INTO t SELECT randomblob(500) FROM n;
      UPDATE t SET x=randomblob(700) WHERE rowid%3=0; DELETE FROM t WHERE rowid%7=0;`
      await runOk('sqlite3', [path], { input: statements })
      return async () => {
        const answer = await runOk('sqlite3', [path], {
          input: 'PRAGMA mmap_size=268435456; PRAGMA integrity_check; SELECT count(*) FROM t;',
        })
        assert.deepEqual(answer.trim().split('\n').slice(1), ['ok', String(5000 - 714)])
      }
    },
    { skip: program('sqlite3')() },
  )

  lasts('a file that another program replaces while it is read stays whole for its reader', (directory) => {
    const path = join(directory, 'file')
    fs.writeFileSync(path, noise(500_000, 1))
    const fd = fs.openSync(path, 'r')
    fs.writeFileSync(`${path}.new`, noise(500_000, 2))
    fs.renameSync(`${path}.new`, path)
    assert(fs.readFileSync(fd).equals(noise(500_000, 1)))
    fs.closeSync(fd)
    return () => assertContent(path, noise(500_000, 2))
  })
})

/** What archives and copies tend to lose. */
function makeTree(root: string): void {
  fs.mkdirSync(join(root, 'inner', 'deeper'), { recursive: true })
  fs.writeFileSync(join(root, 'empty'), '')
  fs.writeFileSync(join(root, 'name.f'), noise(70_000), { mode: 0o4750 })
  fs.writeFileSync(join(root, 'inner', 'tagged'), noise(3000), { mode: 0o600 })
  setXattr(join(root, 'inner', 'tagged'), 'user.tag', Buffer.from('blue'))
  fs.linkSync(join(root, 'name.f'), join(root, 'inner', 'same'))
  fs.symlinkSync('../nowhere', join(root, 'inner', 'link'))
  const fd = fs.openSync(join(root, 'holes'), 'w')
  fs.writeSync(fd, noise(100), 0, 100, 3_000_000)
  fs.ftruncateSync(fd, 5_000_000)
  fs.closeSync(fd)
  for (const path of ['empty', 'name.f', 'inner/tagged', 'inner/deeper', 'inner', ''])
    fs.utimesSync(join(root, path), OLD, OLD)
}

function differences(one: string, other: string): Promise<string> {
  return runOk('rsync', ['-aHXni', '--checksum', '--delete', `${one}/`, `${other}/`])
}

async function ended(child: ChildProcess, end: () => unknown): Promise<void> {
  const exit = once(child, 'exit')
  end()
  await within(20_000, exit, 'ending')
}
